"""The numbers of an AuraViT or AuraVAE that takes milliseconds."""

# for images of any size
NARROW = {"hidden_size": 16, "mlp_dim": 24, "num_layers": 4, "num_heads": 2, "decoder_channels": (12, 8, 6, 4)}
SMALL = {"img_size": 32, "patch_size": 8, **NARROW}
