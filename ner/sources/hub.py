"""The Hugging Face Hub: one bounded question about a repository, and checked downloads of its files."""

import hashlib
import logging
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import tqdm

from ner.core.errors import PipelineError
from ner.core.files import whole_file
from ner.sources.hub_cache import find_snapshot

QUESTION_SECONDS = 10.0  # for the answer, retries included
STALL_SECONDS = 60.0  # for the next byte of a file, the library's retries included
NOTICE_SECONDS = 10.0  # between lines that tell of a transfer at a standstill
SHA256_DIGITS = 64
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 16.0)  # between attempts

constants.DOWNLOAD_CHUNK_SIZE = 2**18  # progress comes by chunks: by the library's 10 MB, slow looks dead
constants.HF_HUB_DISABLE_TELEMETRY = True  # else the library first asks the Hub for a list of AI agents
constants.HF_HUB_DISABLE_XET = True  # Xet transfers have time limits of their own, out of reach from here
for chatty in ("httpx2", "huggingface_hub.file_download", "huggingface_hub.utils._http"):
    logging.getLogger(chatty).setLevel(logging.ERROR)  # their lines hold signed addresses, some come twice

logger = logging.getLogger(__name__)
T = TypeVar("T")
RepoType = Literal["model", "dataset"]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the Hub lists it; `sha256` is None unless the file is a large one (LFS)."""

    name: str
    size: int
    sha256: str | None
    git_oid: str


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A repository at one commit; `repo_id` is its present name if it was renamed."""

    repo_id: str
    repo_type: RepoType
    commit: str
    files: tuple[HubFile, ...]


def ask_hub(repo_id: str, *, repo_type: RepoType, revision: str, parameter: str) -> HubRepo:
    """Resolve a revision to its commit and list the files there, within `QUESTION_SECONDS`.

    In offline mode the library's cache is asked instead of the Hub.

    Args:
        repo_id: `name` or `organisation/name`.
        repo_type: What the repository holds.
        revision: Branch, tag, commit, or a name such as `refs/convert/parquet`.
        parameter: What error messages name, such as `model.checkpoint`.

    Raises:
        PipelineError: If the Hub does not know it, does not show it, or cannot be reached.
    """
    place = f"{parameter} is {repo_id!r} (revision {revision!r})"
    if constants.is_offline_mode():
        return _recall(repo_id, repo_type, revision, place)
    ask_info = HfApi().model_info if repo_type == "model" else HfApi().dataset_info

    def ask() -> HubRepo:
        try:
            info = ask_info(repo_id, revision=revision, files_metadata=True, timeout=QUESTION_SECONDS)
        except httpx2.ConnectError as error:  # refused, or an unknown name: asking again is no use
            raise _explain(place, error) from error
        files = []
        for file in info.siblings or []:
            if file.size is None or file.blob_id is None:
                raise ValueError(f"no size or hash of {file.rfilename}")
            files.append(
                HubFile(file.rfilename, file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)
            )
        if info.sha is None:
            raise ValueError("no commit")
        return HubRepo(info.id, repo_type, info.sha, tuple(files))

    try:
        return _persist(ask, _Clock(QUESTION_SECONDS), place)
    # The last three: the library makes its records from whatever a server sends, JSON or not.
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, TypeError, LookupError) as error:
        raise _explain(place, error) from error


def _recall(repo_id: str, repo_type: RepoType, revision: str, place: str) -> HubRepo:
    """List what the library's cache holds of a revision; `download_files` then checks each file's hash.

    Raises:
        PipelineError: If it holds nothing of it, or there can be no such id.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise _explain(place, error) from error
    folder = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repo_id, repo_type=repo_type))
    snapshot = find_snapshot(folder, revision)
    if snapshot is None:
        kind = " --repo-type dataset" if repo_type == "dataset" else ""
        raise PipelineError(
            f"{place}: offline mode forbids asking the Hub, and {constants.HF_HUB_CACHE} does not hold it.",
            remedy=f"unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, or fetch it where there is a network: "
            f"hf download {repo_id} --revision {revision}{kind}",
        )
    files = [
        HubFile(name, blob.stat().st_size, blob.name if len(blob.name) == SHA256_DIGITS else None, blob.name)
        for name, blob in snapshot.blobs.items()
    ]
    logger.warning(
        "%s: offline mode: commit %s is taken from %s (%d files)",
        place,
        snapshot.commit[:12],
        constants.HF_HUB_CACHE,
        len(files),
    )
    return HubRepo(repo_id, repo_type, snapshot.commit, tuple(files))


def download_files(repo: HubRepo, names: Sequence[str], target: Path) -> None:
    """Copy files of the repository's commit into `target`, each of them whole and as the Hub lists it.

    Args:
        repo: What `ask_hub` returned.
        names: Files to fetch, of those in `repo.files`; folders in a name are kept.
        target: Folder, made where absent. The library's cache keeps a copy of what was transferred.

    Raises:
        PipelineError: If faults last for `STALL_SECONDS`, what arrives differs from the list twice, or a
            name leads out of `target`.
    """
    listed = {file.name: file for file in repo.files}
    for name in names:
        place = f"{repo.repo_id}/{name} (commit {repo.commit[:12]})"
        if name.startswith("/") or ".." in PurePosixPath(name).parts or {"\\", "\0"} & set(name):
            raise PipelineError(
                f"{place}: the Hub lists a file outside its repository.",
                remedy="do not use this repository; tell the Hub of it.",
            )
        try:
            cached = _fetch(repo, listed[name], place)
            with whole_file(target / name) as temporary:
                shutil.copyfile(cached, temporary)
        except (OSError, httpx2.HTTPError) as error:
            raise _explain(place, error) from error


def _fetch(repo: HubRepo, file: HubFile, place: str) -> Path:
    """Return the file's path in the library's cache, after a transfer if need be."""
    for _ in range(2):
        cached = _transfer(repo, file.name, place)
        git_hash = partial(hashlib.sha1, b"blob %d\0" % file.size, usedforsecurity=False)  # how Git begins
        with cached.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256" if file.sha256 else git_hash).hexdigest()
        if digest == (file.sha256 or file.git_oid) and cached.stat().st_size == file.size:
            return cached
        logger.warning("%s: removed from %s, for it is not what the Hub lists", place, constants.HF_HUB_CACHE)
        cached.resolve().unlink()
        cached.unlink(missing_ok=True)
    raise PipelineError(
        f"{place}: what arrives differs from the size or hash that the Hub lists.",
        remedy="try again later; if it persists, ask who changes files on the way from the Hub.",
    )


def _transfer(repo: HubRepo, name: str, place: str) -> Path:
    """Let the library find the file in its cache or fetch it."""
    clock = _Clock(STALL_SECONDS)

    class Bar(tqdm):  # shown on a terminal, called in any case
        def update(self, n: float | None = 1) -> None:
            clock.restart()
            super().update(n)

    def fetch() -> Path:
        path = hf_hub_download(
            repo.repo_id, name, repo_type=repo.repo_type, revision=repo.commit, tqdm_class=Bar
        )
        return Path(path)

    return _persist(fetch, clock, place)


@dataclass(slots=True)
class _Clock:
    """Counts the seconds since the start or the last byte, of which there are `limit`."""

    limit: float
    start: float = field(default_factory=time.monotonic)

    def restart(self) -> None:
        self.start = time.monotonic()

    def left(self) -> float:
        return max(0.0, self.start + self.limit - time.monotonic())


def _persist(work: Callable[[], T], clock: _Clock, place: str) -> T:
    """Repeat `work` through faults that may pass, and leave it behind when `clock` runs out.

    It runs in a thread: the library's time limits hold for one read each, so that a server that
    drips bytes, or a name server that keeps silent, outlasts them.
    """
    pauses = iter(PAUSES_SECONDS)
    with ThreadPool(1) as pool:  # its threads are daemons: they do not keep the program alive
        while True:
            result = pool.apply_async(work)
            try:
                while not result.ready():
                    if not clock.left():
                        raise TimeoutError(f"nothing usable came from {_hub()} for {clock.limit:.0f} s")
                    result.wait(min(clock.left(), NOTICE_SECONDS))
                    if 0 < clock.left() < clock.limit - NOTICE_SECONDS:
                        logger.warning("%s: waiting, for %.0f s more at most", place, clock.left())
                return result.get()
            except (OSError, httpx2.HTTPError) as error:
                pause = next(pauses, math.inf)
                if not _is_transient(error) or clock.left() <= pause:
                    raise
                logger.warning("%s: %s; trying again in %.0f s", place, _describe(error)[0], pause)
            time.sleep(pause)


def _is_transient(error: BaseException | None) -> bool:
    """Return whether a fault may pass."""
    match error:
        case LocalEntryNotFoundError():  # the library's wrapper: "the file is not in the cache either"
            return _is_transient(error.__cause__)
        case HfHubHTTPError():
            return error.response.status_code in (408, 429) or error.response.status_code >= 500
        case httpx2.TransportError():
            return not isinstance(error, httpx2.UnsupportedProtocol)
        case _:  # the library's own check of a size raises a bare OSError
            return type(error) is OSError and error.errno is None


def _explain(place: str, error: Exception) -> PipelineError:
    """Turn an error of the library into one line."""
    problem, remedy = _describe(error)
    return PipelineError(f"{place}: {problem}.", remedy=remedy)


def _describe(error: BaseException) -> tuple[str, str]:
    """Return problem and remedy, each on one line and without secrets."""
    text = " ".join(str(error).split()) or type(error).__name__
    network = "check the network, the proxy and HF_ENDPOINT, or try again later."
    match error:
        case LocalEntryNotFoundError() if error.__cause__:
            return _describe(error.__cause__)
        case HFValidationError():
            return "the Hub has no such ids", "write `organisation/name`; a local folder must exist."
        case OfflineModeIsEnabled():
            return "offline mode forbids asking the Hub", "unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE."
        case GatedRepoError():
            return "the Hub asks for consent first", f"accept the terms at {_hub()} and set HF_TOKEN."
        case RevisionNotFoundError():
            return "it has no such revision", f"take a branch, tag or commit that {_hub()} lists."
        case HfHubHTTPError(response=httpx2.Response(status_code=401 | 403 | 404 as status)):
            remedy = "check the spelling; a private one needs HF_TOKEN; a local folder must exist."
            return f"{_hub()} knows no such repository or hides it ({status})", remedy
        case HfHubHTTPError():
            return f"{_hub()} answers {error.response.status_code}", network
        case httpx2.HTTPError() | httpx2.InvalidURL():
            return f"{_hub()} cannot be reached ({text})", network
        case TimeoutError():
            return text, network
        case OSError():
            return text, "make room on the disk or check who may write there." if error.errno else network
        case _:
            return f"{_hub()} does not answer as a Hub does ({type(error).__name__})", network


def _hub() -> str:
    """Name the Hub without the password that HF_ENDPOINT may hold."""
    return constants.ENDPOINT.rpartition("@")[2].removeprefix("https://")
