-- A study as schema version 1 keeps it: the statements of its migration, and rows as that version writes them.
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
INSERT INTO study VALUES(1,'study','{"parameters":[{"name":"x","domain":{"type":"float","low":0.0,"high":1.0,"log":false}}]}','[{"name":"loss","direction":"minimize"}]',0,'','0.1.0',1795531000000,5);
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
INSERT INTO trial VALUES(1,0,'complete','{"x":0.25}','[]','[0.5]','[[1,[0.75]]]','[["late",-1.0]]','{"seconds":2}',NULL,1795531000001,1795531000002,2);
INSERT INTO trial VALUES(1,1,'failed','{"x":0.75}','[]',NULL,'[]','[]','{}','loss diverged',1795531000003,1795531000004,4);
INSERT INTO trial VALUES(1,2,'running','{"x":0.5}','[]',NULL,'[]','[]','{}',NULL,1795531000005,NULL,5);
CREATE INDEX trial_revision ON trial (study, revision);
COMMIT;
PRAGMA application_id = 1279480660;
PRAGMA user_version = 1;
