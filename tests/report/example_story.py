# SPDX-License-Identifier: Apache-2.0
"""An example run for the report's tests, with invented numbers of a plausible size, and one whose every text is hostile."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tinytl.compiler import ArenaRange
from tinytl.head.layers import Learning
from tinytl.measurement import Figure, LayerRow, Measurement
from tinytl.report import (
    Accuracies,
    BoardFacts,
    BundleFacts,
    Confusion,
    Epoch,
    EvaluationPoint,
    Example,
    FlashRegion,
    LearningCurve,
    MemoryMap,
    Picture,
    Story,
)

TAUGHT = 898
DIGITS = tuple("0123456789")
SCRIPT = "<script>alert('x')</script>"
QUOTE = '"><img src="https://example.org/x.png" onerror="alert(1)">'
LONG = "averyveryverylongnamewithoutanyplacetobreakit" * 3
QEMU, M4 = "instructions (QEMU 7.2 plugin)", "cycles (Cortex-M4 model)"


def digit(number: int, generator: np.random.Generator) -> Picture:
    """Draw a digit, slightly turned, on noise, 28×28×1."""
    image = Image.new("L", (28, 28))
    ImageDraw.Draw(image).text((8, 1), str(number), fill=230, font=ImageFont.load_default(22))
    turned = np.asarray(image.rotate(float(generator.normal(0, 12))), float) + generator.normal(0, 8, (28, 28))
    return Picture.from_array(np.clip(turned, 0, 255).astype(np.uint8))


def curve(generator: np.random.Generator) -> LearningCurve:
    """A learner that starts at 81 % and gets better."""
    taught = np.arange(TAUGHT)
    right = generator.random(TAUGHT) < 0.975 - 0.17 * np.exp(-taught / 150)
    loss = np.where(right, generator.exponential(0.12 + 0.4 * np.exp(-taught / 150)), 1.0 + generator.exponential(0.8, TAUGHT))
    samples = (0, 50, 100, 200, 300, 450, 600, 750, TAUGHT)
    target = (0.8120, 0.8910, 0.9200, 0.9430, 0.9520, 0.9610, 0.9680, 0.9720, 0.9744)
    source = (0.9780, 0.9690, 0.9720, 0.9710, 0.9740, 0.9750, 0.9740, 0.9760, 0.9750)
    points = tuple(EvaluationPoint(*point) for point in zip(samples, target, source, strict=True))
    return LearningCurve(tuple(bool(each) for each in right), tuple(float(each) for each in loss), points)


def matrix(generator: np.random.Generator, accuracy: float) -> tuple[tuple[int, ...], ...]:
    """Counts of a classifier that confuses each class with two others."""
    counts = np.zeros((10, 10), int)
    for label in range(10):
        wrong = round(90 * (1 - accuracy) * generator.uniform(0.3, 1.7))
        counts[label, label] = 90 - wrong
        for _ in range(wrong):
            counts[label, (label + int(generator.choice((1, 3, 7)))) % 10] += 1
    return tuple(tuple(int(count) for count in row) for row in counts)


def layers() -> tuple[LayerRow, ...]:
    """A small depthwise-separable net and its head."""
    shapes = (("conv1", "conv_2d", (14, 14, 16), 28_224, 208), ("dw1", "depthwise_conv_2d", (14, 14, 16), 28_224, 208),
              ("pw1", "conv_2d", (14, 14, 32), 100_352, 640), ("dw2", "depthwise_conv_2d", (7, 7, 32), 14_112, 416),
              ("pw2", "conv_2d", (7, 7, 64), 100_352, 2_304), ("dw3", "depthwise_conv_2d", (7, 7, 64), 28_224, 832),
              ("pw3", "conv_2d", (7, 7, 64), 200_704, 4_352), ("pool", "average_pool_2d", (3, 3, 64), 2_304, 0))  # fmt: skip
    cost = {"conv_2d": 6.1, "depthwise_conv_2d": 14.2, "average_pool_2d": 9.0}
    rows = []
    for name, operator, shape, macs, weights in shapes:
        instructions = int(macs * cost[operator])
        rows.append(
            LayerRow(
                name,
                operator,
                (1, *shape),
                macs,
                weights,
                int(np.prod(shape)) * 2,
                instructions,
                int(instructions * 1.24),
                macs * 3e-4,
                "panels_s16",
                int(instructions * 0.98),
                {"dual multiply-add": macs, "load": macs, "branch": 17, "integer": instructions - 2 * macs - 17},
            )
        )
    return (*rows, LayerRow("classes", "dense", (10,), 5_760, 23_080, 2_344, 31_204, 40_100, 26.5))


def measurement(target: str = "qemu:mps2-an386", *, scale: float = 1.0) -> Measurement:
    """Figures such as `bench` writes; scale multiplies what depends on the kernels."""
    figures = {
        "accuracy": Figure(0.9744, "fraction", "device, 899 test samples"),
        "instructions_per_inference": Figure(3_871_220 * scale, "instructions", QEMU),
        "instructions_per_taught_sample": Figure(4_480_000 * scale, "instructions", QEMU),
        "instructions_per_teach_step": Figure(4_402_518 * scale, "instructions", QEMU),
        "cycles_model": Figure(4_800_313 * scale, "cycles", M4),
        "milliseconds_model": Figure(28.573 * scale, "ms", "cycles (Cortex-M4 model) at 168 MHz"),
        "taught_sample_milliseconds_model": Figure(32.512 * scale, "ms", "cycles (Cortex-M4 model) at 168 MHz"),
        "macs": Figure(508_256, "MAC", "graph"),
        "energy_nj_thesis": Figure(18.4, "nJ", "nJ (model: thesis)"),
        "energy_nj_full": Figure(1_284.9, "nJ", "nJ (model: full, 45nm)"),
        "arena_bytes": Figure(61_696, "B", "image plan"),
        "stack_bytes": Figure(1_512, "B", "device, high-water mark"),
        "ram_bytes": Figure(69_112, "B", "image plan, linker and device"),
        "flash_bytes": Figure(179_432, "B", "linker and image plan"),
    }
    return Measurement("digits", target, figures, layers())


def memory() -> MemoryMap:
    """The flash of an STM32F405 and an arena with lifetimes."""
    kilo = 1024
    flash = (
        FlashRegion("firmware", 0, 256 * kilo, 38_912),
        FlashRegion("model A", 256 * kilo, 256 * kilo, 140_520),
        FlashRegion("model B", 512 * kilo, 256 * kilo, 0),
        FlashRegion("head A", 768 * kilo, 128 * kilo, 23_112),
        FlashRegion("head B", 896 * kilo, 128 * kilo, 23_112),
    )
    blocks = [("input", 6_272, 784, 0, 0), ("conv1", 0, 3_136, 0, 1), ("dw1", 3_136, 3_136, 1, 2), ("pw1", 6_272, 6_272, 2, 3),
              ("dw2", 0, 1_568, 3, 4), ("pw2", 1_568, 3_136, 4, 5), ("dw3", 4_704, 3_136, 5, 6), ("pw3", 0, 3_136, 6, 7),
              ("pool", 3_136, 576, 7, 11), ("columns", 3_712, 2_304, 9, 11), ("output of logits", 6_016, 40, 9, 10),
              ("gradient of logits", 6_064, 40, 10, 11), ("parameters", 12_544, 23_080, 0, 11), ("replay buffer", 35_632, 26_064, 0, 11)]  # fmt: skip
    arena = tuple(ArenaRange(*block) for block in blocks)
    return MemoryMap(flash, arena, arena_bytes=61_696, arena_limit_bytes=96 * kilo, stack_bytes=1_512, static_bytes=5_904, operators=8)


def example_story() -> Story:
    """The whole run."""
    generator = np.random.default_rng(4)
    pictures = [(number, digit(number, generator)) for number in (3, 8, 1, 9, 5, 7, 4, 2, 0, 6, 8, 9)]
    wrong = {0: 5, 1: 3, 3: 4, 4: 9, 7: 1, 10: 1}
    examples = tuple(
        Example(picture, label, before=wrong.get(index, label), after=3 if index == 10 else label)
        for index, (label, picture) in enumerate(pictures)
    )
    epochs = np.arange(40)
    learned = 1 - np.exp(-(epochs + 2) / 5)
    history = tuple(
        Epoch(float(2.2 * np.exp(-e / 6) + 0.06), float(0.975 * r), float(0.98 * r)) for e, r in zip(epochs, learned, strict=True)
    )
    accuracies = Accuracies(0.978, 0.975, 0.812, 0.9744, 0.9744, 0.9744, True, True, source_samples=1000, target_samples=899)
    return Story(
        title="New handwriting, learned on a Cortex-M4",
        bundle=BundleFacts("digits", "ds-cnn", "last-dense", "mnist-5k", "uci-digits", 7_152, 5_770, 502_496, 5_760),
        board=BoardFacts(
            "qemu:mps2-an386",
            "mps2-an386",
            "Cortex-M4F",
            168_000_000,
            131_072,
            1_048_576,
            "Emulated, with the memory limits and the clock of an STM32F405.",
        ),
        learning=Learning(learning_rate=0.02, replay_buffer_bytes=26_064),
        accuracies=accuracies,
        curve=curve(generator),
        confusion=Confusion(DIGITS, matrix(generator, 0.81), matrix(generator, 0.974)),
        measurement=measurement(),
        memory=memory(),
        versions={
            "tinytl": "0.1.0",
            "Python": "3.11.7",
            "TensorFlow": "2.21.0",
            "QEMU": "7.2.9",
            "compiler": "arm-none-eabi-gcc 12.2.1",
        },
        commands=(
            "tinytl pretrain --model ds-cnn --data mnist-5k --out build/demo/run",
            "tinytl export build/demo/run --plan last-dense -o digits.tinytl",
            "tinytl flash digits.tinytl --target qemu:mps2-an386",
            "tinytl teach --target qemu:mps2-an386 --data uci-digits --samples 898",
        ),
        seconds=212.4,
        examples=examples,
        pretraining=history,
    )


def hostile_measurement() -> Measurement:
    """Figures and layers with markup in every text."""
    plain = measurement()
    figures = {f"{name}{SCRIPT}": replace(figure, how=f"{figure.how} {QUOTE}") for name, figure in plain.figures.items()}
    layers = tuple(replace(layer, name=f"{layer.name}{SCRIPT}{LONG}", operator=QUOTE, kernel=SCRIPT) for layer in plain.layers)
    return replace(plain, bundle=LONG, target=SCRIPT, figures=figures, layers=layers)


def hostile_story() -> Story:
    """The example run with markup, mathematics and long words in every text."""
    story = example_story()
    classes = (SCRIPT, QUOTE, LONG, "$x^2$", "a & b", "#f0a505", "\N{CJK UNIFIED IDEOGRAPH-5B57}", "7", "8", "9")
    arena = tuple(replace(block, name=f"{block.name}{SCRIPT}") for block in story.memory.arena)
    flash = tuple(replace(region, name=f"{region.name}{QUOTE}") for region in story.memory.flash)
    return replace(
        story,
        title=LONG + SCRIPT,
        bundle=replace(story.bundle, name=LONG, model=SCRIPT, plan=QUOTE, source_task=SCRIPT + LONG, target_task=QUOTE + LONG),
        board=replace(story.board, target=LONG, name=QUOTE, cpu=SCRIPT, note=LONG),
        accuracies=replace(story.accuracies, how=SCRIPT),
        confusion=Confusion(classes, story.confusion.before, story.confusion.after),
        memory=replace(story.memory, arena=arena, flash=flash, stack_how=SCRIPT, static_how=QUOTE),
        measurement=hostile_measurement(),
        versions={"tinytl": SCRIPT, QUOTE: LONG},
        commands=(SCRIPT, LONG),
    )
