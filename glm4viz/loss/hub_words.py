"""What keeps a model on the hub from being had, in words."""

import errno
from collections.abc import Iterator
from pathlib import Path

from glm4viz.errors import ModelError
from glm4viz.loss.memory import GIB
from glm4viz.texts import Text, both, fill

INVALID = both(
    "{name} is no directory here, and it can't be a hub id, which looks like owner/name. Check the spelling.",
    "{name} 不是本机目录，也不可能是 hub 名称（形如 owner/name）。请检查拼写。",
)
GATED = both(
    "{name} is gated: its owners want to be asked first. Ask for access at {page}, then give this machine your token (hf auth login, or the "
    "variable HF_TOKEN).",
    "{name} 需要先申请访问权限。请在 {page} 申请，然后在本机登录（hf auth login，或设置环境变量 HF_TOKEN）。",
)
NOT_FOUND = both(
    "{name} is no directory here, and the hub has no model of this name that you may see. Check the spelling; a private model needs your "
    "token (hf auth login, or the variable HF_TOKEN).",
    "{name} 不是本机目录，hub 上也没有您可以访问的同名模型。请检查拼写；私有模型需要令牌（hf auth login，或设置环境变量 HF_TOKEN）。",
)
NO_CONFIG = both(
    "{name} is on the hub, but has no config.json: it is no model as transformers saves it (perhaps GGUF files or an adapter only).",
    "hub 上有 {name}，但其中没有 config.json：它不是 transformers 保存的模型（可能只有 GGUF 文件或适配器）。",
)
DISABLED = both("{name} has been disabled on the hub.", "{name} 已在 hub 上被停用。")
OFFLINE = both(
    "{name} is no directory here and not in the hub's cache on this machine, and HF_HUB_OFFLINE forbids asking the hub. Unset it, or name a "
    "directory that has the model.",
    "{name} 不是本机目录，也不在本机的 hub 缓存里，而 HF_HUB_OFFLINE 禁止访问 hub。请取消该设置，或指定存有该模型的目录。",
)
UNREACHABLE = both(
    "{name} is no directory here and not whole in the hub's cache on this machine, and the hub ({hub}) can't be reached. Check the network, "
    "name a mirror in HF_ENDPOINT, or copy the model here and name its directory.",
    "{name} 不是本机目录，本机的 hub 缓存里也没有它的全部文件，而 hub（{hub}）无法连接。请检查网络，或用 HF_ENDPOINT 指定镜像，或把模型复制到本机并指定其目录。",
)
STATUS = both(
    "The hub ({hub}) answered {status} when asked for {name}; try again later, or name a directory that has the model.",
    "向 hub（{hub}）请求 {name} 时得到状态 {status}；请稍后再试，或指定存有该模型的目录。",
)
DISK_FULL = both(
    "{name} needs {needed:.1f} GiB more on the disk of {cache}, where {free:.1f} GiB are free. Make room, or name another disk in HF_HOME.",
    "{name} 还需要在 {cache} 所在的磁盘上占用 {needed:.1f} GiB，而那里只剩 {free:.1f} GiB。请腾出空间，或用 HF_HOME 指定其他磁盘。",
)
DISK_FILLED = both(
    "The disk of {cache} filled up while {name} was being downloaded. Make room, or name another disk in HF_HOME; what has come is kept.",
    "下载 {name} 时，{cache} 所在的磁盘已满。请腾出空间，或用 HF_HOME 指定其他磁盘；已下载的部分会保留。",
)
NOT_ALLOWED = both(
    "{name} can't be stored: {cache} may not be written. Name another directory in HF_HOME.",
    "无法保存 {name}：没有写入 {cache} 的权限。请用 HF_HOME 指定其他目录。",
)
OTHER = both("{name} can't be had from the hub ({hub}): {reason}", "无法从 hub（{hub}）取得 {name}：{reason}")


def refused(name: str, error: BaseException) -> ModelError:
    """The sentence for what huggingface_hub raised. It wraps what happened, often twice: the causes are looked at as well."""
    from huggingface_hub import constants

    hub = constants.ENDPOINT
    said = fill(
        _sentence(list(_causes(error))),
        name=name,
        hub=hub,
        page=f"{hub}/{name}",
        cache=constants.HF_HUB_CACHE,
        status=next((status for one in _causes(error) if (status := _status(one))), 0),
        reason=(str(error).strip() or type(error).__name__).splitlines()[0],
    )
    return ModelError(said)


def disk_full(name: str, cache: Path, needed: int, free: int) -> ModelError:
    """Bytes needed and free."""
    return ModelError(fill(DISK_FULL, name=name, cache=cache, needed=needed / GIB, free=free / GIB))


# ---------------------------------------------------------------------------------------------------------------------


def _sentence(causes: list[BaseException]) -> Text:
    from huggingface_hub import errors

    # In this order: the hub's classes are kinds of one another.
    for kind, text in (
        (errors.HFValidationError, INVALID),
        (errors.OfflineModeIsEnabled, OFFLINE),
        (errors.GatedRepoError, GATED),
        (errors.RepositoryNotFoundError, NOT_FOUND),
        (errors.DisabledRepoError, DISABLED),
        (PermissionError, NOT_ALLOWED),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return text
    if any(isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) for cause in causes):
        return DISK_FILLED
    unreachable = [cause for cause in causes if isinstance(cause, errors.LocalEntryNotFoundError)]
    if not unreachable and any(isinstance(cause, errors.EntryNotFoundError) for cause in causes):
        return NO_CONFIG
    if status := next(filter(None, map(_status, causes)), 0):
        return NOT_FOUND if status == 401 else STATUS  # the hub says 401 to whoever asks for a name it doesn't have
    # Whichever library speaks HTTP, the hub's own errors aside: a name that doesn't resolve, a refused connection, a timeout.
    spoken = any(type(cause).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "requests", "urllib3") for cause in causes)
    return UNREACHABLE if unreachable or spoken or any(isinstance(cause, ConnectionError | TimeoutError) for cause in causes) else OTHER


def _status(error: BaseException) -> int:
    """What the hub answered with, 0 where it didn't answer."""
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
