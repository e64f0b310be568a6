"""What goes wrong in a training, said in one plain sentence; nothing where all is well.

It reads the numbers of an epoch as metrics.jsonl holds them, and nothing else: where the numbers
come from is written in `vitals`, `losses.win_rate` and the models.
"""

from collections.abc import Mapping, Sequence

Numbers = Mapping[str, float]

UNFAIR_BEFORE = 500  # steps: until then a generator may draw anything, and epochs are means
UNFAIR_TO_BEGAN = 5000  # whose generator begins with a single picture, and k near 0
ALIKE = 8.0  # times less varied than the data; healthy trainings stay within 3
GUESSING = 0.1  # of the way from what guessing gets right to all: below it none is as asked
SURE = 0.8  # share of real pictures that a class head must recognise before its word counts
MISSED = 0.5  # share of classes below which samples have lost too many
BEATEN = 0.995  # win rate from which a generator is told nothing any more
TINY = 1e-7  # length of all gradients: too short for Adam, whose epsilon is 1e-8, to act on
AT_NOTHING, AT_MOST = 1e-4, 0.99  # of k's range: near 0 it may creep, near its most it shakes
DRAWS_BADLY = 0.6  # of the data's spread: errors of an autoencoder that has not learned to draw
SAID_WITHIN = 5  # epochs in which what was said is not said again


def collapsed(n: Numbers, classes: int) -> str | None:
    """Samples that all look alike, beside the data in the same batches."""
    real, fake = n.get("real_spread", 0.0), n.get("fake_spread", 0.0)
    if real < ALIKE * fake or real == 0:
        return None
    alike = real > 1000 * fake
    less = "all the same, unlike" if alike else f"{real / fake:.0f} times less varied than"
    gamma = "a higher --set gamma, or " if "k" in n else ""
    return f"samples are {less} the data: mode collapse; try {gamma}a lower --lr."


def one_class_for_all(n: Numbers, classes: int) -> str | None:
    """Samples that a class head, which knows the real pictures, does not find as asked for."""
    if n.get("real_recognised", 0.0) < SURE or classes < 2:
        return None
    found, guessed = n["fake_recognised"], 1 / classes
    if found > guessed + GUESSING * (1 - guessed):
        return None
    return (
        f"samples ignore the class asked for ({found:.0%} are recognised as theirs): "
        "mode collapse; try a higher --set g_class_weight, or a lower --lr."
    )


def classes_lost(n: Numbers, classes: int) -> str | None:
    """Samples that show too few of the classes, by the classifier of --evaluate-every."""
    hit = n.get("classes_hit", 1.0)
    if hit >= MISSED:
        return None
    return (
        f"samples show {round(hit * classes)} of {classes} classes: mode collapse; "
        "try a lower --lr, or a larger --batch-size."
    )


def nothing_to_learn(n: Numbers, classes: int) -> str | None:
    """A generator without gradients."""
    if n.get("g_gradient", 1.0) > TINY:
        return None
    return "the generator no longer learns, its gradients are zero; try a lower --lr and --fresh."


def beaten(n: Numbers, classes: int) -> str | None:
    """A discriminator that is never wrong, where it is all that teaches the generator."""
    if n.get("d_wins", 0.0) < BEATEN or "l1" in n:
        return None
    return (
        f"the discriminator is right {n['d_wins']:.1%} of the time, which teaches the generator "
        "little; try a lower --set d_lr_scale."
    )


def control_at_its_end(n: Numbers, classes: int) -> str | None:
    """BEGAN's k held at 0 or at its most for a whole epoch: the equilibrium is out of reach.

    At its most the discriminator is hardly asked to draw real pictures again, and may forget how.
    Where it still can, k is high since samples are hard to tell from data, as in a good run's end.
    """
    k, most = n.get("k", 0.5), n.get("k_max", 1.0)
    if AT_NOTHING < k / most < AT_MOST:
        return None
    if k < most / 2:
        return "k stayed at 0, so the two losses are out of balance; try a higher --set gamma."
    if n.get("l_real", 1.0) < DRAWS_BADLY * n.get("real_spread", 0.0):
        return None
    return (
        f"k stayed at {most:g}, its most, so the discriminator does not keep up; try a higher "
        "--set d_lr_scale, or a lower --set gamma."
    )


RULES = (
    collapsed,
    one_class_for_all,
    classes_lost,
    nothing_to_learn,
    control_at_its_end,
    beaten,
)


def examine(n: Numbers, steps: int, classes: int = 0) -> tuple[str, str] | None:
    """The first thing that is wrong: its name and a sentence.

    `n` are the numbers of an epoch that began after `steps` steps, `classes` how many the data has.
    """
    slow = n.get("k", 1.0) < 0.5
    if steps < (UNFAIR_TO_BEGAN if slow else UNFAIR_BEFORE):
        return None
    found = ((rule.__name__, rule(n, classes)) for rule in RULES)
    return next(((name, sentence) for name, sentence in found if sentence), None)


def news(epochs: Sequence[Numbers], batch_size: int, classes: int = 0) -> str | None:
    """What is to be said of the last of these epochs: what was not said of one shortly before.

    It depends on the epochs alone, so that a restart repeats nothing.
    """
    began = [0.0, *(n["images_seen"] / batch_size for n in epochs)]
    found = [examine(n, round(at), classes) for n, at in zip(epochs, began, strict=False)]
    recent = found[-SAID_WITHIN - 1 :]
    if not recent or recent[-1] is None:
        return None
    name, sentence = recent[-1]
    return None if any(found and found[0] == name for found in recent[:-1]) else sentence
