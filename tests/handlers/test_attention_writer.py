import json

import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Activationsd, Compose
from PIL import Image

from tools.handlers.attention_writer import AttentionWriter
from tools.networks.conv_stem import ConvStem
from tools.networks.hybrid_lung_vit import HybridLungViT


@pytest.mark.parametrize(("pooled_head", "size"), [(True, (960, 350)), (False, (640, 350))])
def test_class_activation_is_drawn_where_the_network_has_it(pooled_head, size, tmp_path):
    network = HybridLungViT(
        ConvStem((4, 8)), img_size=32, hidden_size=8, mlp_dim=8, num_heads=2, pooled_head=pooled_head
    ).train()
    data = [{"image": torch.rand(2, 32, 32)} for _ in range(3)]
    SupervisedEvaluator(
        device="cpu", val_data_loader=DataLoader(Dataset(data), batch_size=2), network=network,
        postprocessing=Compose([Activationsd("pred", softmax=True)]),
        val_handlers=[AttentionWriter(network, tmp_path)],
    ).run()  # fmt: skip
    entries = json.loads((tmp_path / "attention" / "index.json").read_text())
    assert [Image.open(tmp_path / "attention" / entry["picture"]).size for entry in entries] == [size] * 3
