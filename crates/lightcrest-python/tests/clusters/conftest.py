"""Ray tells nobody of what runs here, and its workers are no less than others."""

import os

os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AUTH_MODE="disabled",
    RAY_DEDUP_LOGS="0",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    RAY_worker_niceness="0",
)
