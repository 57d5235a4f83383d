"""What every module may use: the kernel, events, artefacts, ports, the runtime and the one model."""

from shared import silence as silence
