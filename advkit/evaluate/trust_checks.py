"""What is checked before a number is believed: each check by name, its meaning, and what to do."""

from typing import Literal, NamedTuple

State = Literal["pass", "fail", "not run", "not applicable"]


class Check(NamedTuple):
    """The outcome of one check; ``evidence`` says what was measured, in one sentence."""

    name: str
    state: State
    evidence: str


class Text(NamedTuple):
    """What a check asks, what it means if it fails, and what to do then."""

    title: str
    meaning: str
    advice: str


TEXTS = {
    "randomised_predictions": Text(
        "The model answers the same every time",
        "One image gets different answers, so a single answer proves neither success nor failure.",
        "Attack and judge the average over many answers; this audit does.",
    ),
    "softmax_outputs": Text(
        "The outputs are logits",
        "Probabilities round to 0 and 1 where the model is sure, and their gradient vanishes.",
        "Give the model without its last softmax.",
    ),
    "zero_gradients": Text(
        "There is a gradient at every image",
        "Without a gradient an attack that follows it stands still: it fails, and proves nothing.",
        "Look for rounding, thresholds, detach(), inference_mode() or a detour outside torch, and "
        "attack without it.",
    ),
    "wrong_gradients": Text(
        "A small step changes the model as its gradient says",
        "The gradient leads attacks astray: failing to fool the model by it proves nothing.",
        "Look for a backward pass or hook of its own, or for activations that jump; attack by "
        "scores.",
    ),
    "saturated_loss": Text(
        "The cross entropy has a gradient",
        "The logits are so far apart that the cross entropy is flat: attacks on it stand still.",
        "Trust attacks on the margin or the DLR loss only; the suites have them.",
    ),
    "better_gradient": Text(
        "No other gradient leads further than the model's own",
        "A gradient made up for the model fools it better than its own: its own is masked.",
        "Attack through the better one; this audit does.",
    ),
    "no_better_than_guessing": Text(
        "Clean accuracy is above guessing",
        "Before any attack the model may be guessing: labels, order of the classes or "
        "preprocessing may be wrong.",
        "Ask advkit inspect, which tries other preprocessings and orders; of few images give more.",
    ),
    "noise_beats_attack": Text(
        "Attacks beat noise",
        "Random noise fools images that the attack could not: the attack is broken.",
        "Do not use this number before an attack beats noise.",
    ),
    "one_step_beats_many": Text(
        "Many steps beat one",
        "One step along the gradient fools more than many: the way there is lost between them.",
        "Look for masked gradients, or for steps that are too long.",
    ),
    "not_monotone": Text(
        "A larger eps never fools less",
        "The larger ball holds the smaller one, so an attack that does worse in it is broken.",
        "Give attacks more steps, or look for masked gradients.",
    ),
    "unbounded_fails": Text(
        "Without a limit every image can be fooled",
        "Even free to paint any image, the attack does not fool the model: it is broken.",
        "Do not use this number before an unlimited attack reaches 0%.",
    ),
    "more_steps_help": Text(
        "More effort changes nothing",
        "A longer attack breaks images that stand: the suite stopped too early.",
        "Run again with a stronger --suite.",
    ),
    "still_climbing": Text(
        "Attacks end where they no longer get ahead",
        "The margin of images that stand was still rising when the attack ended.",
        "Run again with a stronger --suite or more steps.",
    ),
    "black_box_wins": Text(
        "Attacks that see only answers do no better",
        "An attack without gradients breaks what attacks with gradients could not.",
        "Look for masked gradients; believe the attack by scores.",
    ),
    "transfer_wins": Text(
        "Examples made for another model do no better",
        "Examples that fool another model fool this one where direct attacks failed.",
        "Look for masked gradients; give more --surrogate models.",
    ),
    "silent_success": Text(
        "No success is lost on the way",
        "An attack was there and came back with something else: its failures prove nothing.",
        "Have the attack return the best point that it saw.",
    ),
    "invalid_examples": Text(
        "Every example keeps to the rules",
        "An attack left the ball or the image's range, or the model gave NaN: these do not count.",
        "Look at the attack named, and at the model's answer there.",
    ),
}
