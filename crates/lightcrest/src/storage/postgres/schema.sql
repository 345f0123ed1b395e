-- Version 1. As in SQLite, everything that has parts is JSON as text. A schema of its own: the database may be shared.

CREATE SCHEMA IF NOT EXISTS lightcrest;

CREATE TABLE lightcrest.schema (version BIGINT NOT NULL);

CREATE TABLE lightcrest.study (
    id         BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    space      TEXT    NOT NULL,
    objectives TEXT    NOT NULL,
    seed       BIGINT  NOT NULL, -- the 64 bits of an unsigned number
    spec       TEXT    NOT NULL,
    engine     TEXT    NOT NULL,
    created    BIGINT  NOT NULL, -- ms since 1970
    discovered BOOLEAN NOT NULL,
    attributes TEXT    NOT NULL DEFAULT '{}',
    memory     TEXT,
    revision   BIGINT  NOT NULL DEFAULT 0, -- raised by every write to a trial, under the lock of this row
    next       BIGINT  NOT NULL DEFAULT 0  -- the number of the next trial
);

CREATE TABLE lightcrest.trial (
    study            BIGINT NOT NULL REFERENCES lightcrest.study (id) ON DELETE CASCADE,
    number           BIGINT NOT NULL,
    state            TEXT   NOT NULL CHECK (state IN ('waiting', 'running', 'complete', 'pruned', 'failed')),
    configuration    TEXT   NOT NULL,
    known            TEXT   NOT NULL,
    objective_values TEXT,
    reports          TEXT   NOT NULL,
    constraints      TEXT   NOT NULL,
    attributes       TEXT   NOT NULL,
    suggestions      TEXT   NOT NULL,
    reason           TEXT,
    started          BIGINT,
    finished         BIGINT,
    revision         BIGINT NOT NULL,
    attempt          BIGINT NOT NULL,
    token            BIGINT, -- of the run that it is in, or ended in
    lease            TIMESTAMPTZ, -- until when it is its worker's, by the clock of the server; NULL: until it is told
    lease_seconds    DOUBLE PRECISION, -- how long it is renewed for
    given            TEXT   NOT NULL DEFAULT '{}', -- the attributes with which it waited
    made             BIGINT NOT NULL, -- the random number of whoever made it
    PRIMARY KEY (study, number)
);

CREATE INDEX trial_revision ON lightcrest.trial (study, revision);
CREATE INDEX trial_running ON lightcrest.trial (study, lease) WHERE state = 'running';
CREATE INDEX trial_token ON lightcrest.trial (token) WHERE state = 'running';

CREATE TABLE lightcrest.report (
    study         BIGINT NOT NULL REFERENCES lightcrest.study (id) ON DELETE CASCADE,
    number        BIGINT NOT NULL,
    attempt       BIGINT NOT NULL,
    step          BIGINT NOT NULL,
    report_values TEXT   NOT NULL,
    revision      BIGINT NOT NULL,
    PRIMARY KEY (study, number, attempt, step)
);

CREATE INDEX report_revision ON lightcrest.report (study, revision);

-- One row a process, of which it alone writes: to wait for the disk without waiting for anybody else.
CREATE TABLE lightcrest.worker (
    id      BIGINT PRIMARY KEY,
    host    TEXT   NOT NULL,
    process BIGINT NOT NULL,
    beat    TIMESTAMPTZ NOT NULL
);

INSERT INTO lightcrest.schema VALUES (1);
