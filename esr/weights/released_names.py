"""What the teams call the tensors of their released checkpoints: for each network, our module -> their module.

Placing is by name alone: several convolutions of one block have one shape, so their order and shapes would place
every tensor and give wrong images.
"""

Names = dict[str, str]

ESA_S: Names = {
    "attention.reduce": "esa.conv1",
    "attention.down": "esa.conv2",
    "attention.context": "esa.conv3",
    "attention.expand": "esa.conv4",
}
ESA_R: Names = ESA_S | {"attention.skip": "esa.conv_f"}
ESA_F: Names = {
    "attention.reduce": "esa.conv1",
    "attention.skip": "esa.conv_f",
    "attention.down": "esa.conv2",
    "attention.context.0": "esa.conv_max",
    "attention.context.2": "esa.conv3",
    "attention.context.4": "esa.conv3_",
    "attention.expand": "esa.conv4",
}
RLFB_NAMES: Names = {"conv1": "c1_r", "conv2": "c2_r", "conv3": "c3_r", "mix": "c5"}
R2_BLOCK: Names = {"conv1": "c1_r", "conv2": "c3_r"}
BFEB_NAMES: Names = {
    "conv1.pointwise": "c1_r.rbr_reparam.pw",
    "conv1.depthwise": "c1_r.rbr_reparam.dw",
    "conv2.pointwise": "c2_r.rbr_reparam.pw",
    "conv2.depthwise": "c2_r.rbr_reparam.dw",
    "conv3.pointwise": "c4.rbr_reparam.pw",
    "conv3.depthwise": "c4.rbr_reparam.dw",
}
RFMB_NAMES: Names = {"conv1": "c1_r.rbr_reparam", "conv2": "c2_r.rbr_reparam", "conv3": "c4.rbr_reparam"}
RFDB_NAMES: Names = {
    "distil1": "c1_d",
    "refine1": "c1_r",
    "distil2": "c2_d",
    "refine2": "c2_r",
    "distil3": "c3_d",
    "refine3": "c3_r",
    "distil4": "c4",
    "gather": "c5",
}
RIPFDB_NAMES: Names = {
    "distil1": "c1_d",
    "refine1.conv": "c1_dw",
    "refine1.mix": "c1_r",
    "distil2": "c2_d",
    "refine2.conv": "c2_dw",
    "refine2.mix": "c2_r",
    "interact": "fusion",
    "distil3": "c3_d",
    "refine3.conv": "c3_dw",
    "refine3.mix": "c3_r",
    "distil4": "c4",
    "gather": "c5",
    "factor": "cw",
    "mix": "conv_out",
}
SAFMN_BLOCK: Names = {
    "norm1": "norm1",
    "modulate.views.0": "safm.mfr.0",
    "modulate.views.1": "safm.mfr.1",
    "modulate.views.2": "safm.mfr.2",
    "modulate.views.3": "safm.mfr.3",
    "modulate.mix": "safm.aggr",
    "norm2": "norm2",
    "mix.widen": "ccm.ccm.0",
    "mix.narrow": "ccm.ccm.2",
}
ERB_NAMES: Names = {"conv1": "conv1.rep_conv", "conv2": "conv2.rep_conv"}
SPAB_NAMES: Names = {"conv1": "c1_r.eval_conv", "conv2": "c2_r.eval_conv", "conv3": "c3_r.eval_conv"}
SPABV2_NAMES: Names = {"conv1": "c1.conv", "conv2": "c2.conv", "conv3": "c3.conv"}
HFAB_NAMES: Names = {"squeeze": "squeeze", "excite": "excitate"}


def _within(ours: str, theirs: str, names: Names) -> Names:
    return {f"{ours}.{our_part}": f"{theirs}.{their_part}" for our_part, their_part in names.items()}


def rlfn_names() -> Names:
    """RLFN, the organisers' team00_rlfn.pth."""
    names = {"head": "conv_1", "last": "conv_2", "tail": "upsampler.0"}
    for index in range(4):
        names |= _within(f"blocks.{index}", f"block_{index + 1}", RLFB_NAMES | ESA_R)
    return names


def slimrlfn_names() -> Names:
    """SlimRLFN, team21_slimrlfn.pth and team21_slimrlfn_prune.pth."""
    names = {"head": "conv_1", "last": "conv_2", "tail": "upsampler.upsample_conv"}
    for index in range(6):
        names |= _within(f"blocks.{index}", f"block_list.{index}", RLFB_NAMES | ESA_S)
    return names


def r2net_names() -> Names:
    """R2Net, team29_R2Net.pth."""
    names = {"head": "conv_1", "last": "conv_2", "tail": "upsampler.0"}
    for index in range(4):
        names |= _within(f"blocks.{index}", f"block_{index + 1}", R2_BLOCK | ESA_S)
    return names


def ifadnet_names() -> Names:
    """IFADNet, team33_IFADNet.pth."""
    names = {"head": "fea_conv", "aggregate": "c1", "tail": "upsampler.upsampleOneStep.0"}
    for index in range(0, 6, 2):
        names |= _within(f"blocks.{index}", f"B{index + 1}", BFEB_NAMES)
        names |= _within(f"blocks.{index + 1}", f"B{index + 2}", RFMB_NAMES | ESA_R)
    return names


def ripfdn_names() -> Names:
    """RIPFDN, team23_RIPFDN.pth of 2023."""
    names = {"head": "fea_conv", "aggregate": "c.0", "last": "LR_conv", "tail": "upsampler.0"}
    for index in range(4):
        names |= _within(f"blocks.{index}", f"B{index + 1}", RIPFDB_NAMES | ESA_F)
    return names


def rfdn_names() -> Names:
    """RFDN, the organisers' team00_rfdn.pth of 2023."""
    names = {"head": "fea_conv", "aggregate": "c.0", "last": "LR_conv", "tail": "upsampler.0"}
    for index in range(4):
        names |= _within(f"blocks.{index}", f"B{index + 1}", RFDB_NAMES | ESA_F)
    return names


def safmn_names() -> Names:
    """SAFMN's large form: as its released code names the tensors; no released file was at hand."""
    names = {"head": "to_feat", "tail": "to_img.0"}
    for index in range(16):
        names |= _within(f"blocks.{index}", f"feats.{index}", SAFMN_BLOCK)
    return names


def fmen_names() -> Names:
    """FMEN, test_weights.pt."""
    names = {"head": "head", "warmup.0": "warmup.0", "last": "lr_conv", "tail": "tail.0"}
    names |= _within("warmup.1", "warmup.1", HFAB_NAMES)
    for index in range(2):
        names |= _within(f"warmup.1.blocks.{index}", f"warmup.1.convs.{index}", ERB_NAMES)
    for index in range(4):
        names |= _within(f"blocks.{2 * index}", f"ERBs.{index}", ERB_NAMES)
        names |= _within(f"blocks.{2 * index + 1}", f"HFABs.{index}", HFAB_NAMES)
        names |= _within(f"blocks.{2 * index + 1}.blocks.0", f"HFABs.{index}.convs.0", ERB_NAMES)
    return names


def span_names() -> Names:
    """SPAN, team38_span_ch28_slim.pth of 2024 and team00_SPAN.pth of 2026, which are one file."""
    names = {"head": "conv_1.eval_conv", "last": "conv_2.eval_conv", "join": "conv_cat", "tail": "upsampler.0"}
    for index in range(6):
        names |= _within(f"blocks.{index}", f"block_{index + 1}", SPAB_NAMES)
    return names


def spanv2_names() -> Names:
    """SPANV2, team22_spanv2_c2.pth of 2026."""
    names = {"near": "conv_near", "depthwise": "depthwise_conv", "tail": "pointwise_conv"}
    names |= _within("head", "block_1", SPABV2_NAMES)
    for index in range(4):
        names |= _within(f"blocks.{index}", f"block_{index + 2}", SPABV2_NAMES | {"guide": "guidance_map_conv"})
    return names
