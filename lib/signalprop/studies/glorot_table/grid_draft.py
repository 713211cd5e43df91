"""Step 1 of glorot-table (from /work/main): the grid only (23 runs), then the RATES to paste. Run twice side by side."""
from dataclasses import replace
import torch
from signalprop import records, runner
from signalprop.studies import glorot_table as g
torch.set_num_threads(1)
grid = [s for s in g.SCALES["laptop"] if s.seed == 0]
runner.run_study(replace(g.STUDY, scales={"laptop": grid}), "laptop")
if all(records.exists(g.NAME, s) for s in grid):
    for d in g.GRID:
        print(d, {r: g.tuned(d, r) for r in g.ROWS}, {r: {k: v.metrics["validation_error"] for k, v in g.tried(d, r).items()} for r in g.ROWS})
