import subprocess
import sys
import warnings

from monai.transforms import LoadImage

from tools.datasets.codec_notice import silence_codec_notice


def test_the_decoder_that_is_not_there_is_not_mentioned(caplog):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        silence_codec_notice()
        LoadImage()
        warnings.warn("something else", stacklevel=1)
    assert [str(one.message) for one in found if "NvImgCodec" in str(one.message)] == []
    assert any(str(one.message) == "something else" for one in found)
    assert "nvImageCodec" not in caplog.text


def test_the_reader_of_xrays_asks_for_silence():
    code = (
        "from monai.transforms import LoadImage; from tools.datasets.xray_reader import XrayReader; "
        "LoadImage(reader=XrayReader()); print('built')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "built"
    assert "odec" not in done.stderr
