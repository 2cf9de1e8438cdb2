"""The errors a person can cause. Each message is one line: where, what was given, what is allowed, what to do."""


class HNetError(Exception):
    """Base of every error that is shown to a person as it stands."""


class InputError(HNetError):
    """The data to read is missing, empty or not what it claims to be."""


class ConfigError(HNetError):
    """A configuration is contradictory, unknown or beyond what can be built."""


class CheckpointError(HNetError):
    """A model folder or checkpoint is missing, damaged, unsafe or does not fit its configuration."""
