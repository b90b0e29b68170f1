"""The part of DICOMweb that MONAI Label uses, over files in memory: search series, retrieve, metadata, store."""

import io
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

SERIES = re.compile(r"/studies/(?P<study>[\d.]+)/series/(?P<series>[\d.]+)(?P<metadata>/metadata)?")
SEARCHED = ("Modality", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "StudyDate", "StudyTime")


class DicomWeb:
    """Serve DICOM files on a port of this machine; a context manager.

    Args:
        files: to begin with; what is stored later comes on top (``instances``).
    """

    def __init__(self, files: list[Path]) -> None:
        self.instances = [pydicom.dcmread(path) for path in files]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"store": self}))
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "DicomWeb":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def of_series(self, uid: str) -> list[Dataset]:
        """The instances of a series."""
        return [item for item in self.instances if item.SeriesInstanceUID == uid]

    def search(self, query: dict[str, str]) -> list[dict]:
        """Series as DICOM JSON, those whose attributes equal all of ``query``."""
        first = {str(item.SeriesInstanceUID): item for item in reversed(self.instances)}
        wanted = {name: value for name, value in query.items() if name in SEARCHED}
        found = [item for item in first.values() if all(str(item.get(key)) == text for key, text in wanted.items())]
        return [attributes(item, SEARCHED) for item in found]


class Handler(BaseHTTPRequestHandler):
    """Answer one request."""

    store: DicomWeb

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/series":
            self.answer_json(self.store.search(dict(urllib.parse.parse_qsl(url.query))))
            return
        match = SERIES.fullmatch(url.path)
        instances = self.store.of_series(match["series"]) if match else []
        if not instances:
            self.send_error(404)
        elif match["metadata"]:
            self.answer_json([without_pixels(item) for item in instances])
        else:
            self.answer_files(instances)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
        parts = [part for part in body.split(b"--" + boundary) if b"\r\n\r\n" in part]
        files = [part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts]
        stored = [pydicom.dcmread(io.BytesIO(file)) for file in files]
        self.store.instances += stored
        answer = Dataset()
        answer.ReferencedSOPSequence = []
        for item in stored:
            reference = Dataset()
            reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = item.SOPClassUID, item.SOPInstanceUID
            place = f"/studies/{item.StudyInstanceUID}/series/{item.SeriesInstanceUID}"
            reference.RetrieveURL = f"{self.store.address}{place}/instances/{item.SOPInstanceUID}"
            answer.ReferencedSOPSequence.append(reference)
        self.answer_json(answer.to_json_dict())

    def answer_json(self, content: object) -> None:
        self.answer(json.dumps(content).encode(), "application/dicom+json")

    def answer_files(self, instances: list[Dataset]) -> None:
        body = b""
        for item in instances:
            buffer = io.BytesIO()
            item.save_as(buffer, enforce_file_format=True)
            body += b"--part\r\nContent-Type: application/dicom\r\n\r\n" + buffer.getvalue() + b"\r\n"
        self.answer(body + b"--part--\r\n", 'multipart/related; type="application/dicom"; boundary=part')

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def attributes(item: Dataset, names: tuple[str, ...]) -> dict:
    chosen = Dataset()
    for name in names:
        if name in item:
            setattr(chosen, name, item[name].value)
    return chosen.to_json_dict()


def without_pixels(item: Dataset) -> dict:
    """All attributes but the pixels, as DICOM JSON."""
    content = Dataset()
    content.update({tag: element for tag, element in item.items() if element.tag != 0x7FE00010})
    return content.to_json_dict()
