"""What the two papers, a blog post and users of libraries say about starting weights.

The papers' statements are those of Glorot & Bengio (2010), section 4.2.1, and He et al. (2015),
section 2.2.  The blog post summarizes both; the questions are from issue trackers.
"""

from __future__ import annotations

from ...claims import BLOG_POST, Claim
from . import checks, he_checks, web_checks

GLOROT = "Glorot & Bengio 2010"
HE = "He et al. 2015"
TORCH = "PyTorch's issue tracker"

CLAIMS = [
    # --- Glorot & Bengio 2010 -------------------------------------------------------------
    Claim(
        id="glorot2010.sec4.2.1.forward",
        source=f"{GLOROT}, section 4.2.1",
        says="In the linear regime a layer multiplies the variance of the signal by n Var[W], n "
        "its number of inputs.",
        printed="Var[z^i] = Var[x] times the product of n Var[W]",
        check=checks.check_forward,
        verdict="reproduced",
        reason="Exact on average over the weights, at any width.",
    ),
    Claim(
        id="glorot2010.sec4.2.1.backward",
        source=f"{GLOROT}, section 4.2.1",
        says="In the linear regime a layer multiplies the variance of the gradient by m Var[W], m "
        "its number of outputs.",
        printed="the same product with the other width",
        check=checks.check_backward,
        verdict="reproduced",
        reason="Exact on average over the weights, once the number of factors is counted right "
        "(glorot2010.eq6.factors).",
    ),
    Claim(
        id="glorot2010.eq14.weight-gradient",
        source=f"{GLOROT}, eq. 14 and Fig. 8",
        says="With equal widths the variance of the weight gradients is the same in all layers, "
        "however fast signal and gradient fade.",
        printed="[n Var[W]]^d Var[x] Var[dCost/ds^d]",
        check=checks.check_weight_gradient,
        verdict="reproduced",
        reason="What the signal loses on its way up, the gradient has not lost yet, and the other "
        "way round.",
    ),
    Claim(
        id="glorot2010.sec4.2.1.standard",
        source=f"{GLOROT}, section 4.2.1",
        says="The standard initialization has n Var[W] = 1/3, so signal and gradient fade with "
        "depth.",
        printed="1/3",
        check=checks.check_standard,
        verdict="reproduced",
        reason="A uniform distribution on ±a has the variance a^2/3.",
    ),
    Claim(
        id="glorot2010.sec4.2.1.compromise",
        source=f"{GLOROT}, section 4.2.1",
        says="Var[W] = 2/(n + m) keeps both variances where widths are equal, and is a compromise "
        "elsewhere.",
        printed="2/(n_i + n_{i+1})",
        check=checks.check_compromise,
        verdict="reproduced",
        reason="At unequal widths a layer multiplies them by 2n/(n + m) and 2m/(n + m): what one "
        "gains the other loses.",
    ),
    Claim(
        id="glorot2010.eq16.bound",
        source=f"{GLOROT}, eq. 16",
        says="The uniform distribution on ±sqrt(6/(n + m)) has the variance of the compromise.",
        printed="sqrt(6)/sqrt(n_j + n_{j+1})",
        check=checks.check_bound,
        verdict="reproduced",
        reason="A third of the squared bound.",
    ),
    Claim(
        id="glorot2010.eq6.factors",
        source=f"{GLOROT}, eq. 6",
        says="Between layers i and d the gradient's variance is a product of d - i + 1 factors.",
        printed="a product from i to d",
        check=checks.check_equation_6,
        verdict="refuted",
        reason="A misprint: there are d - i matrices in between, and eq. 7 has the right number.",
    ),
    Claim(
        id="glorot2010.eq13.variance",
        source=f"{GLOROT}, eq. 13",
        says="At equal widths the gradient's variance at layer i is [n Var[W]]^(d - i) Var[x].",
        printed="Var[x]",
        check=checks.check_equation_13,
        verdict="refuted",
        reason="A misprint: it is Var[dCost/ds^d] that is multiplied, as in eq. 14. The gradient "
        "of a linear network does not know the size of its input.",
    ),
    Claim(
        id="glorot2010.sec4.2.singular-values",
        source=f"{GLOROT}, section 4.2",
        says="The average singular value of a layer's Jacobian is about 0.8 with normalized "
        "initialization, against 0.5.",
        printed="around 0.8 and 0.5",
        check=checks.check_singular_values,
        verdict="reproduced",
        reason="Both numbers are the mean of a quarter circle, 8/(3 pi) = 0.849 times the root of "
        "n Var[W], less what the slopes of tanh take.",
    ),
    Claim(
        id="ours.quarter-circle",
        source="random matrix theory (Marchenko & Pastur 1967)",
        says="A large square matrix of independent entries of variance 1/n has the mean singular "
        "value 8/(3 pi) and the geometric mean e^(-1/2).",
        printed="0.849 and 0.607",
        check=checks.check_quarter_circle,
        verdict="reproduced",
        reason="On matrices of two widths, extrapolated.",
    ),
    Claim(
        id="glorot2010.sec4.2.volume",
        source=f"{GLOROT}, section 4.2",
        says="The average singular value is the average ratio of infinitesimal volumes.",
        printed="the statement",
        check=checks.check_volume,
        verdict="refuted",
        reason="Volumes change by the product of the singular values, so per dimension by their "
        "geometric mean, which is smaller by three tenths.",
    ),
    Claim(
        id="glorot2010.sec4.2.variance-ratio",
        source=f"{GLOROT}, section 4.2",
        says="The average singular value is the ratio of the activations' variances in successive "
        "layers.",
        printed="the statement",
        check=checks.check_variance_ratio,
        verdict="refuted",
        reason="Variances change by a mean square. For the normalized tanh network the two happen "
        "to be near each other; for the standard one they are 0.49 and 0.32.",
    ),
    # --- He et al. 2015 -------------------------------------------------------------------
    Claim(
        id="he2015.sec2.2.second-moment",
        source=f"{HE}, section 2.2",
        says="What a layer hands on is E[x^2], which for ReLU of a symmetric y is Var[y]/2, and "
        "not Var[x].",
        printed="E[x^2] = Var[y]/2",
        check=he_checks.check_second_moment,
        verdict="reproduced",
        reason="Var[x] is smaller, 1/2 - 1/(2 pi) = 0.341 of Var[y] for a Gaussian y.",
    ),
    Claim(
        id="he2015.eq10.forward",
        source=f"{HE}, eq. 10",
        says="n Var[w] / 2 = 1, n the number of inputs, keeps the signal of ReLU networks.",
        printed="n_l Var[w_l] / 2 = 1",
        check=he_checks.check_he_forward,
        verdict="reproduced",
        reason="Exact on average at any width, since weights and their negatives are equally "
        "likely.",
    ),
    Claim(
        id="he2015.eq14.backward",
        source=f"{HE}, eq. 14",
        says="n Var[w] / 2 = 1, n the number of outputs, keeps the gradient of ReLU networks.",
        printed="the same with the other fan",
        check=he_checks.check_he_backward,
        verdict="reproduced",
        reason="The slopes are 0 or 1 with probability 1/2.",
    ),
    Claim(
        id="he2015.sec2.2.fans",
        source=f"{HE}, section 2.2",
        says="For a k x k convolution the fans are k^2 times the channels, and k^2 times the "
        "filters.",
        printed="n = k^2 c and k^2 d",
        check=he_checks.check_fans,
        verdict="reproduced",
        reason="Exact where the image has no border.",
    ),
    Claim(
        id="he2015.sec2.2.either-suffices",
        source=f"{HE}, section 2.2",
        says="Either condition is enough: with the backward one the signal changes by c_2/d_L in "
        "all, whatever the depth.",
        printed="c_2/d_L",
        check=he_checks.check_either_suffices,
        verdict="reproduced",
        reason="The widths between cancel.",
    ),
    Claim(
        id="he2015.eq15.leaky",
        source=f"{HE}, eq. 15",
        says="For a negative slope a the condition is (1 + a^2) n Var[w] / 2 = 1: ReLU at a = 0, "
        "the linear case at a = 1.",
        printed="(1 + a^2) n_l Var[w_l] / 2 = 1",
        check=he_checks.check_leaky,
        verdict="reproduced",
        reason="At the paper's a = 1/4 the factor 2 becomes 1.882.",
    ),
    Claim(
        id="he2015.sec2.2.xavier-factor",
        source=f"{HE}, section 2.2",
        says="With Var[w] = 1/n a ReLU network of L layers has signals 2^(-L/2) times as large as "
        "with 2/n.",
        printed="2^(-L/2)",
        check=he_checks.check_xavier_factor,
        verdict="reproduced",
        reason="Exact for each network: ReLU passes a positive factor through.",
    ),
    Claim(
        id="he2015.sec2.2.fixed-deviation",
        source=f"{HE}, section 2.2",
        says="VGG-B needs deviations of .059, .042, .029 and .021; with .01 everywhere the "
        "gradient shrinks by 1.7e4 from conv10 to conv2.",
        printed=".059 .042 .029 .021; 1.7e4",
        check=he_checks.check_fixed_deviation,
        verdict="reproduced",
        reason="sqrt(2/(9 d)) for d filters.",
    ),
    # --- a blog post ----------------------------------------------------------------------
    Claim(
        id="blog.gradient-index",
        source=BLOG_POST,
        says="The derivative of unit k by the weight from j to k is f'(s_j) x_j.",
        printed="f'(s_j) x_j",
        check=web_checks.check_gradient_index,
        verdict="refuted",
        reason="A slip of the index: it is f'(s_k) x_j.",
    ),
    Claim(
        id="blog.xavier",
        source=BLOG_POST,
        says="Xavier initialization, of variance 2/(n + m) and bound sqrt(6/(n + m)), keeps the "
        "variance of the gradient.",
        printed="the formulas; Var U(-a, a) = a^2/3",
        check=web_checks.check_blog_xavier,
        verdict="partly reproduced",
        reason="The formulas are right. The aim is signal and gradient both, and the variance is "
        "kept where widths are equal only.",
    ),
    Claim(
        id="blog.kaiming-variance",
        source=BLOG_POST,
        says="ReLU halves the variance, and Var(w x) = Var(w) Var(x).",
        printed="Var(x) = Var(s)/2",
        check=web_checks.check_blog_kaiming,
        verdict="refuted",
        reason="Both steps are wrong, because the mean of x is not 0, and they cancel: 2/n is "
        "right.",
    ),
    Claim(
        id="blog.kaiming-uniform",
        source=BLOG_POST,
        says="For uniform weights the deviation is sqrt(6/n).",
        printed="sqrt(6/n)",
        check=web_checks.check_blog_uniform,
        verdict="refuted",
        reason="That is the bound; the deviation is sqrt(2/n) for any distribution.",
    ),
    Claim(
        id="blog.torch-differs",
        source=BLOG_POST,
        says="The rule differs by a factor sqrt(2) from PyTorch's.",
        printed="sqrt(2)",
        check=web_checks.check_blog_torch,
        verdict="refuted",
        reason="The sqrt(2) is torch's gain for ReLU. It would be missing only with a gain of 1.",
    ),
    Claim(
        id="blog.keras-agrees",
        source=BLOG_POST,
        says="The rule agrees with Keras.",
        printed="the statement",
        check=web_checks.check_blog_keras,
        verdict="reproduced",
        reason="By Keras' documentation, from which we computed; Keras itself was not run.",
    ),
    # --- what users ask -------------------------------------------------------------------
    Claim(
        id="torch.linear.default",
        source=f"{TORCH}, 15314, 19376, 50717, 57109 and 129302",
        says="kaiming_uniform_ with a = sqrt(5), torch's default for linear layers, is U(±1/sqrt "
        "n).",
        printed="the maintainers' answer",
        check=web_checks.check_linear_default,
        verdict="reproduced",
        reason="6/(1 + 5) = 1. It is the standard initialization of Glorot & Bengio, which they "
        "wrote to replace.",
    ),
    Claim(
        id="torch.linear.third",
        source=f"{TORCH}, 5168",
        says="A linear layer of torch leaves a third of the variance.",
        printed="1/3",
        check=web_checks.check_linear_third,
        verdict="reproduced",
        reason="n Var[W] = 1/3; the bias adds next to nothing.",
    ),
    Claim(
        id="torch.kaiming-uniform.gain-squared",
        source=f"{TORCH}, 30947",
        says="kaiming_uniform_ is wrong: its deviation should be the squared gain over sqrt(n).",
        printed="gain^2/sqrt(n)",
        check=web_checks.check_gain_squared,
        verdict="refuted",
        reason="Deviation gain/sqrt(n) has variance gain^2/n, for uniform weights as for normal "
        "ones.",
    ),
    Claim(
        id="torch.gain.measured",
        source=f"{TORCH}, 24991",
        says="Measured as x.std()/f(x).std(), gains are sigmoid 4.81, tanh 1.60, ReLU 1.71, leaky "
        "ReLU (0.2) 1.54, SELU 1.00.",
        printed="4.809, 1.598, 1.707, 1.542, 1.0003",
        check=web_checks.check_measured_gains,
        verdict="reproduced",
        reason="The numbers are right for deviations; but a layer hands on second moments, so for "
        "ReLU the gain is sqrt(2).",
    ),
    Claim(
        id="torch.gain.rectifiers",
        source="torch.nn.init.calculate_gain",
        says="The gains of linear units, ReLU and leaky ReLU are 1, sqrt(2) and sqrt(2/(1 + a^2)).",
        printed="1; 1.414; 1.414 at a = 0.01",
        check=web_checks.check_gain_rectifiers,
        verdict="reproduced",
        reason="The same number keeps signal and gradient, at every variance.",
    ),
    Claim(
        id="torch.gain.tanh",
        source="torch.nn.init.calculate_gain",
        says="The gain of tanh is 5/3.",
        printed="1.667",
        check=web_checks.check_gain_tanh,
        verdict="partly reproduced",
        reason="Near what keeps a signal of variance 1. A gradient grows by a tenth in every "
        "layer: without biases no gain keeps both.",
    ),
    Claim(
        id="torch.gain.sigmoid",
        source="torch.nn.init.calculate_gain",
        says="The gain of the sigmoid is 1.",
        printed="1",
        check=web_checks.check_gain_sigmoid,
        verdict="not reproduced",
        reason="Neither signal nor gradient of variance 1 is kept. Any gain keeps some variance, "
        "for a sigmoid's mean of 1/2 feeds it; gradients shrink to a quarter.",
    ),
    Claim(
        id="torch.gain.selu",
        source="torch.nn.init.calculate_gain",
        says="The gain of SELU is 3/4.",
        printed="0.75",
        check=web_checks.check_gain_selu,
        verdict="not reproduced",
        reason="SELU is made for gain 1. With 3/4 the signal sinks to a variance of 0.02, and "
        "there gradients are kept.",
    ),
    Claim(
        id="dynet.sigmoid-factor",
        source="DyNet's issue tracker, 262 and 295",
        says="Glorot's formula supposes a slope of 1 at 0; the sigmoid's is 1/4, so its weights "
        "should be four times as large.",
        printed="1/4",
        check=web_checks.check_sigmoid_factor,
        verdict="partly reproduced",
        reason="Right for a centred sigmoid. The plain one is pushed off 0 by the mean of its "
        "inputs, and its gradients still fade.",
    ),
]
