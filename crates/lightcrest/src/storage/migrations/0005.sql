-- Schema version 5. Runs of a trial are told apart, and reports have rows of their own while a trial runs.

-- How often the trial began to run; what was given back in order does not count.
ALTER TABLE trial ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
-- The random number of the run that it is in, or ended in: whoever writes to a running trial names it.
ALTER TABLE trial ADD COLUMN token INTEGER;
-- Which byte of FILE-lock whoever runs it keeps locked while it lives; NULL if nobody needs to.
ALTER TABLE trial ADD COLUMN owner INTEGER;
-- The attributes with which it waited: what it gets back when its run is given up.
ALTER TABLE trial ADD COLUMN given TEXT NOT NULL DEFAULT '{}';
UPDATE trial SET attempt = 1 WHERE state <> 'waiting';

-- What running trials reported. When a trial ends, its row takes the reports over that whoever ends it knows of.
CREATE TABLE report (
    study         INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    step          INTEGER NOT NULL, -- the 64 bits of an unsigned number
    report_values TEXT    NOT NULL, -- [value]
    revision      INTEGER NOT NULL, -- study.revision at that moment
    PRIMARY KEY (study, number, attempt, step)
) STRICT, WITHOUT ROWID;

CREATE INDEX report_revision ON report (study, revision);

-- One index for both questions: what changed since, of either half, and what runs. A second one is written with every trial.
DROP INDEX trial_revision;
CREATE INDEX trial_revision ON trial (study, (state = 'running'), revision);
