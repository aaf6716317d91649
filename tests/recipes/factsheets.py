"""What the factsheets print of every phase of every entry, typed from them; and nothing that they do not print.

Keys are those of a row of params.yaml. Patches are HR pixels. The recipes of the two baselines, RLFN and RFDN, are in
no factsheet, so they are not here. IFADNet's teacher is SAFMN's large form by SAFMN's own published recipe.
"""

from typing import Any

Printed = dict[str, Any]

# NTIRE 2024, team 29. "Flips and rotations" does not say which flips.
R2NET: Printed = {
    "data": "div2k",
    "betas": (0.9, 0.999),
    "iterations": 2_000_000,
    "horizontal_flips": True,
    "rotations": True,
}
R2NET_COSINE: Printed = {**R2NET, "batch": 64, "loss": "charbonnier", "schedule": "cosine"}

# NTIRE 2024, team 21.
SLIMRLFN: Printed = {
    "data": "df2k-lsdir",
    "batch": 64,
    "schedule": "cosine",
    "epochs": 100,
    "horizontal_flips": True,
    "vertical_flips": True,
    "rotations": True,
}
SLIMRLFN_256: Printed = {
    **SLIMRLFN,
    "patch": 256,
    "loss": "charbonnier",
    "learning_rate": 1e-3,
    "lowest_learning_rate": 1e-5,
}
SLIMRLFN_384: Printed = {**SLIMRLFN_256, "patch": 384, "learning_rate": 5e-4}
SLIMRLFN_512: Printed = {**SLIMRLFN_256, "patch": 512, "learning_rate": 2.5e-4}

# NTIRE 2024, team 33: "other settings the same" in its second phase.
IFADNET: Printed = {
    "data": "div2k-lsdir-10k",
    "batch": 64,
    "schedule": "multistep",
    "milestones": [100_000, 500_000, 800_000, 900_000, 950_000],
    "iterations": 1_000_000,
    "horizontal_flips": True,
    "rotations": True,
}

# NTIRE 2023, team 23. Its "64 x 64" is of HR or of LR: not a printed value of either.
RIPFDN: Printed = {
    "data": "df2k",
    "loss": "l1",
    "learning_rate": 5e-4,
    "horizontal_flips": True,
    "rotations": True,
}

PRINTED: dict[str, dict[str, Printed]] = {
    "r2net": {
        "train/r2net-1": {**R2NET_COSINE, "patch": 256, "learning_rate": 2e-4},
        "finetune/r2net-2": {**R2NET_COSINE, "patch": 512},
        "finetune/r2net-3": {**R2NET, "batch": 32, "loss": "l2", "learning_rate": 2e-5},
    },
    "slimrlfn": {
        "teacher/slimrlfn-teacher": {**SLIMRLFN_256, "arguments.channels": 196, "arguments.blocks": 6},
        "distill/slimrlfn-distill": SLIMRLFN_256,
        "finetune/slimrlfn-repeat-1": SLIMRLFN_256,
        "finetune/slimrlfn-repeat-2": SLIMRLFN_256,
        "finetune/slimrlfn-384-1": SLIMRLFN_384,
        "finetune/slimrlfn-384-2": SLIMRLFN_384,
        "finetune/slimrlfn-384-3": SLIMRLFN_384,
        "finetune/slimrlfn-512-1": SLIMRLFN_512,
        "finetune/slimrlfn-512-2": SLIMRLFN_512,
        "finetune/slimrlfn-512-3": SLIMRLFN_512,
        "finetune/slimrlfn-640": {
            **SLIMRLFN,
            "patch": 640,
            "loss": "l2",
            "learning_rate": 1e-4,
            "lowest_learning_rate": 1e-6,
        },
    },
    "ifadnet": {
        "teacher/ifadnet-teacher": {
            "arguments.channels": 128,
            "arguments.blocks": 16,
            "data": "df2k",
            "patch": 192,
            "batch": 48,
            "loss": "l1",
            "fourier_weight": 0.05,
            "betas": (0.9, 0.99),
            "learning_rate": 3e-4,
            "schedule": "cosine",
            "lowest_learning_rate": 1e-6,
            "iterations": 500_000,
            "ema_decay": 0.999,
        },
        "distill/ifadnet-distill": {**IFADNET, "patch": 256, "loss": "l1", "learning_rate": 2e-3},
        "finetune/ifadnet-640": {**IFADNET, "patch": 640},
    },
    "ripfdn": {
        "train/ripfdn-1": {**RIPFDN, "batch": 64, "iterations": 1_200_000},
        "finetune/ripfdn-2": {**RIPFDN, "batch": 256, "iterations": 500_000},
    },
    # NTIRE 2023: epochs 1 to 200 at 2e-4, then 4e-5; after epoch 250 the loss is L2.
    "edrn": {
        "train/edrn-1": {
            "loss": "l1",
            "learning_rate": 2e-4,
            "schedule": "constant",
            "epochs": 300,
            "changes": [(200, {"learning_rate": 4e-5}), (250, {"loss": "l2"})],
        },
    },
}
