"""Families of attacks: what the attacks on a page of the manual have in common."""

from typing import NamedTuple


class Family(NamedTuple):
    """One page: what these attacks have in common, and their names."""

    title: str
    about: str
    names: tuple[str, ...]


FAMILIES = {
    "fixed-budget": Family(
        "Fixed budget",
        "They are given a radius `eps`, stay within it, and look for the point of highest margin. "
        "Ask them whether a model holds at one size; ask [minimum-norm attacks](minimum-norm.md) "
        "at which size it gives way. Each takes any of several losses; `margin` is the difference "
        "of logits itself, `ce` the cross entropy, `dlr` is free of the logits' scale, "
        "`probability` rises as the difference of probabilities but never saturates.",
        ("fgsm", "bim", "pgd", "coarse_pgd", "mifgsm", "apgd", "apgd_targeted", "md", "pma"),
    ),
    "transfer": Family(
        "Transfer: examples for other nets",
        "They make examples on a net at hand that are to fool others ([the study of "
        "it](../transfer.md)). All walk their whole way: a sample that fools the net at hand walks "
        "on, and the end of the walk is returned. Names with + between put methods together, with "
        "the options of all: `mifgsm+dim+tim:steps=20,sigma=2`; `bim` in the place of `mifgsm` "
        "leaves the momentum out. `fgsm`, and `bim`, `pgd` and `mifgsm` with `stop=false`, are the "
        "plain ones to compare with.",
        (
            "nifgsm",
            "vmifgsm",
            "pifgsm",
            "pgn",
            "dim",
            "tim",
            "sim",
            "admix",
            "bsr",
            "ila",
            "ens",
            "svre",
        ),
    ),
    "minimum-norm": Family(
        "Minimum norm",
        "They look for the nearest image that fools, however far it is. One run answers for every "
        "`eps` at once: a model is robust at those that are smaller than the distance. Given an "
        "`eps` they stop as soon as something within it fools.",
        (
            "linear",
            "race",
            "fmn",
            "ddn",
            "fab",
            "deepfool",
            "superdeepfool",
            "pdpgd",
            "pdgd",
            "alma",
            "cw",
            "ead",
            "lbfgs",
            "distortion",
        ),
    ),
    "sparse": Family(
        "Few entries (L0)",
        "They change as few entries as they can, by as much as they like. L0 counts entries; with "
        "`unit=pixels` all channels of a pixel change together, and still every entry counts.",
        ("thinning", "sigma_zero", "vfga", "jsma", "one_pixel", "sparse_rs"),
    ),
    "score-based": Family(
        "Black box: scores",
        "They see the logits of what they ask about and no gradient, and work on any function "
        "from images to logits. Use them as a check on gradients: where one of these fools what "
        "no white-box attack does, the gradients of that model mislead.",
        ("square", "simba", "nes", "spsa", "zoo"),
    ),
    "decision-based": Family(
        "Black box: decisions",
        "They see the predicted class alone, and work on any function from images to logits or "
        "to labels. They begin at an image that is read as something else and follow the decision "
        "boundary towards the original.",
        ("hopskipjump", "geoda", "boundary", "pointwise"),
    ),
    "spatial-and-common": Family(
        "Turns, blur, noise: sanity baselines",
        "What happens to photographs without any malice. Each is a family of images that grows "
        "more severe; the nearest member that fools is found with forward passes alone. A model "
        "that these break needs no attack.",
        ("noise", "gaussian_blur", "contrast", "salt_and_pepper", "rotation_translation"),
    ),
    "universal-and-patch": Family(
        "One for all: universal perturbations and patches",
        "They learn one perturbation from all samples, so that every result depends on the set: "
        "they run by `advkit attack`, not in an audit. `learn_universal` and `learn_patch` in "
        "`advkit.attacks.one_for_all` and `advkit.attacks.printed_patch` learn on one set what can "
        "then be tried on another.",
        ("universal", "patch"),
    ),
}
