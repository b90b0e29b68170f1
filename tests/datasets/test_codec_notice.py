import subprocess
import sys
import warnings

from monai.data import NvImgCodecPydicomReader
from monai.transforms import LoadImage

from tools.datasets.codec_notice import silence_codec_notice


def test_the_decoder_that_is_not_there_is_not_mentioned(caplog):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        silence_codec_notice()
        LoadImage()
        NvImgCodecPydicomReader(to_gpu=True)
        warnings.warn("something else", stacklevel=1)
    said = [str(one.message) for one in found]
    assert not any("did not register" in message for message in said)
    assert any("ignores to_gpu" in message for message in said)
    assert "something else" in said
    assert "nvImageCodec" not in caplog.text


def test_the_reader_of_xrays_asks_for_silence():
    code = (
        "from monai.transforms import LoadImage; from tools.datasets.xray_reader import XrayReader; "
        "LoadImage(reader=XrayReader()); print('built')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "built"
    assert "odec" not in done.stderr
