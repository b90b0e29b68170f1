"""A MONAI Label server of its own process, with packed bundles, and the requests that the viewers send."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
from pathlib import Path
from typing import Any

SHIM = Path(__file__).resolve().parent / "cpu_torchvision"
APP = "monaibundle"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


class LabelServer:
    """Serve packed bundles; a context manager.

    Nothing of the repository can be imported by the server: its folder and PYTHONPATH are its own.

    Args:
        python: of an environment with MONAI Label.
        folder: for the app, the log and the sessions; must not exist.
        archives: model name -> zip of a bundle. The name is that of the folder the bundle gets.
        studies: folder, or address of a DICOMweb server.
        conf: options of the app.
    """

    def __init__(self, python: str, folder: Path, archives: dict[str, Path], studies: str, **conf: str) -> None:
        self.python, self.folder, self.studies = python, folder, studies
        self.conf = {"models": ",".join(archives), "zoo_source": "ngc", "sam2": "false", **conf}
        self.log = folder / "server.log"
        folder.mkdir(parents=True)
        self.environment = server_environment(python, folder)
        self.command("apps", "--download", "--name", APP, "--output", str(folder))
        self.models = folder / APP / "model"
        for name, archive in archives.items():
            unpack(archive, self.models / name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str) -> None:
        """Run MONAI Label's command line to its end."""
        done = subprocess.run(
            [self.python, "-m", "monailabel.main", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def __enter__(self) -> "LabelServer":
        arguments = ["--app", str(self.folder / APP), "--studies", self.studies]
        arguments += ["--host", "127.0.0.1", "--port", str(self.port)]
        for name, value in self.conf.items():
            arguments += ["--conf", name, value]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", "monailabel.main", "start_server", *arguments],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def _wait(self, seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.info()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
        raise AssertionError(f"the server does not answer:\n{self.tail()}")

    def tail(self, lines: int = 60) -> str:
        """The end of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def request(
        self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """Send a request and return the body of the answer; an answer with an error shows the server's log."""
        request = urllib.request.Request(self.address + path, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:300]!r}\n{self.tail()}") from error

    def info(self) -> dict[str, Any]:
        """What the server offers."""
        return json.loads(self.request("GET", "/info/"))

    def infer(self, model: str, target: Path, /, **query: str) -> Path:
        """Segment an image of the studies (``image``) or a session (``session_id``) into ``target``, in its format."""
        parameters = {"device": "cpu", "result_extension": "".join(target.suffixes)}
        body = urllib.parse.urlencode({"params": json.dumps(parameters)}).encode()
        path = f"/infer/{model}?{urllib.parse.urlencode({'output': 'image', **query})}"
        target.write_bytes(self.request("POST", path, body, FORM))
        return target

    def infer_dicom_seg(self, model: str, target: Path, image: str, label: str) -> Path:
        """Segment a series of a DICOMweb server into a DICOM SEG, as OHIF asks for it."""
        parameters = {"device": "cpu", "result_extension": ".nii.gz", "label_info": [{"name": label}]}
        body = urllib.parse.urlencode({"params": json.dumps(parameters)}).encode()
        path = f"/infer/{model}?{urllib.parse.urlencode({'output': 'dicom_seg', 'image': image})}"
        target.write_bytes(self.request("POST", path, body, FORM))
        return target

    def start_training(self, model: str, **parameters: Any) -> str:
        """Start a training and return the id of its task."""
        options = {"max_epochs": 1, "device": "cpu", "val_split": 0.34, "multi_gpu": False, **parameters}
        return json.loads(self.request("POST", f"/train/{model}", json.dumps(options).encode(), JSON))["id"]

    def stop_training(self) -> None:
        """Stop the training that runs, as the viewers' button does."""
        self.request("DELETE", "/train/")

    def train(self, model: str, seconds: float = 900, **parameters: Any) -> dict[str, Any]:
        """Train, wait for the end, and return the task as the server reports it."""
        started = self.start_training(model, **parameters)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tasks = json.loads(self.request("GET", "/train/?all=true"))
            task = next(item for item in tasks if item["id"] == started)
            if task["status"] not in ("SUBMITTED", "RUNNING"):
                return task
            time.sleep(0.5)
        raise AssertionError(f"the training of {model} had not ended after {seconds} s:\n{self.tail()}")

    def score(self, method: str) -> dict[str, Any]:
        """Run a scoring method over the images without a label."""
        return json.loads(self.request("POST", f"/scoring/{method}?run_sync=true", b'{"device": "cpu"}', JSON))

    def next_sample(self, strategy: str) -> dict[str, Any]:
        """The image to label next."""
        return json.loads(self.request("POST", f"/activelearning/{strategy}", b"{}", JSON))

    def upload_session(self, path: Path) -> str:
        """Send a volume, or a zip of one study, and return the id of the session that holds it."""
        body, headers = multipart("files", path)
        query = "?uncompress=true" if path.suffix == ".zip" else ""
        return json.loads(self.request("PUT", f"/session/{query}", body, headers))["session_id"]

    def submit_label(self, image: str, label: Path, name: str) -> dict[str, Any]:
        """Store the final label of an image, as a viewer does when the annotator submits it."""
        body, headers = multipart("label", label, params=json.dumps({"label_info": [{"name": name}]}))
        return json.loads(self.request("PUT", f"/datastore/label?image={image}", body, headers))


def server_environment(python: str, folder: Path) -> dict[str, str]:
    """The environment of the server: its tools on the path, no repository, no scoring of its own accord."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COVERAGE_PROCESS_CONFIG")}
    broken = subprocess.run([python, "-c", "import torchvision"], capture_output=True).returncode != 0
    return kept | {
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(SHIM) if broken else "",
        "PYTHONWARNINGS": "ignore",
        "MONAI_LABEL_AUTO_UPDATE_SCORING": "false",
        "MONAI_LABEL_SESSION_PATH": str(folder / "sessions"),
        "MONAI_LABEL_DATASTORE_CACHE_PATH": str(folder / "cache"),
        "MONAI_LABEL_DICOMWEB_CACHE_PATH": str(folder / "cache"),
    }


def unpack(archive: Path, target: Path) -> None:
    """Unpack a bundle's zip as the folder ``target``."""
    draft = target.with_name(f".{target.name}")
    with zipfile.ZipFile(archive) as content:
        content.extractall(draft)
    (top,) = draft.iterdir()
    shutil.move(top, target)
    draft.rmdir()


def multipart(name: str, path: Path, **fields: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form with one file."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n\r\n'.encode()
    body = b"".join(parts) + head + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
