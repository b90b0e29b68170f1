"""Keep MONAI from telling, at every LoadImage, of a decoder that nobody asked for and that is not installed.

LoadImage builds every reader that MONAI has; one of them complains in two ways.
"""

import logging
import warnings


def silence_codec_notice() -> None:
    """Silence both complaints, and nothing else."""
    logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)
    warnings.filterwarnings(
        "ignore", message="NvImgCodecPydicomReader: nvImageCodec decoder plugin did not", category=UserWarning
    )
