"""The mean of the probabilities over both mirror images."""

import torch

from tools.inferers.flip_classes import FlipClasses


def leftish(image: torch.Tensor) -> torch.Tensor:
    """Logits that tell the left half from the right one, in image and mask."""
    half = image.shape[3] // 2
    return torch.stack([image[:, 0, :, :half].sum(dim=(1, 2)), image[:, 1, :, half:].sum(dim=(1, 2))], dim=1)


def test_probabilities_are_averaged_and_the_mask_goes_along():
    image = torch.rand(3, 2, 4, 6)
    expected = (leftish(image).softmax(dim=1) + leftish(image.flip(3)).softmax(dim=1)) / 2
    answer = FlipClasses()(image, leftish)
    torch.testing.assert_close(answer.softmax(dim=1), expected)
    torch.testing.assert_close(FlipClasses()(image.flip(3), leftish), answer)
    assert torch.equal(FlipClasses(enabled=False)(image, leftish), leftish(image))
