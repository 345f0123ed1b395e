-- A study as schema version 5 keeps it: the statements of its migrations, and rows as that version writes them.
BEGIN;
CREATE TABLE study (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    space      TEXT    NOT NULL, -- {"parameters": [...]}
    objectives TEXT    NOT NULL, -- [{"name": ..., "direction": ...}]
    seed       INTEGER NOT NULL, -- the 64 bits of an unsigned number
    spec       TEXT    NOT NULL,
    engine     TEXT    NOT NULL, -- the version that made the study
    created    INTEGER NOT NULL, -- ms since 1970, as all times
    revision   INTEGER NOT NULL  -- raised by every write to a trial
) STRICT;
CREATE TABLE trial (
    study            INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    number           INTEGER NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'complete', 'pruned', 'failed')),
    configuration    TEXT    NOT NULL, -- {"parameter": value}: active parameters only
    known            TEXT    NOT NULL, -- [value or null]: objectives known before the evaluation
    objective_values TEXT,             -- [value], in the order of study.objectives
    reports          TEXT    NOT NULL, -- [[step, [value]]]
    constraints      TEXT    NOT NULL, -- [[name, value minus bound]]
    attributes       TEXT    NOT NULL, -- {"name": anything}
    reason           TEXT,
    started          INTEGER,
    finished         INTEGER,
    revision         INTEGER NOT NULL, -- study.revision at the last write
    PRIMARY KEY (study, number)
) STRICT;
CREATE INDEX trial_revision ON trial (study, revision);
ALTER TABLE study ADD COLUMN discovered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trial ADD COLUMN suggestions TEXT NOT NULL DEFAULT '{}';
ALTER TABLE study ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE study ADD COLUMN memory TEXT;
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

INSERT INTO study VALUES(1,'found','{"parameters":[]}','[{"name":"value","direction":"minimize"}]',0,'','0.1.0',1795531000000,9,1,'{"why":[1,2]}',NULL);
INSERT INTO study VALUES(2,'other','{"parameters":[]}','[{"name":"value","direction":"maximize"}]',0,'','0.1.0',1795531000009,0,1,'{}',NULL);
INSERT INTO trial VALUES(1,0,'complete','{"x":0.25}','[]','[0.5]','[[1,[0.75]],[2,["inf"]]]','[]','{}',NULL,1795531000001,1795531000002,4,'{"x":{"type":"float","low":0.0,"high":1.0,"log":false}}',1,4611686018427387905,NULL,'{}');
INSERT INTO trial VALUES(1,1,'running','{"x":0.75}','[]',NULL,'[]','[]','{"why":1}',NULL,1795531000003,NULL,8,'{"x":{"type":"float","low":0.0,"high":1.0,"log":false}}',2,-7,12345,'{"why":1}');
INSERT INTO trial VALUES(1,2,'waiting','{"x":0.5}','[]',NULL,'[]','[]','{"why":1}',NULL,NULL,NULL,9,'{}',0,NULL,NULL,'{}');
INSERT INTO report VALUES(1,1,2,1,'[0.5]',7);
COMMIT;
PRAGMA application_id = 1279480660;
PRAGMA user_version = 5;
