-- Schema version 2. Studies may discover their space from what the objective asks for.

-- 1: study.space is empty, and trial.suggestions tell what may vary.
ALTER TABLE study ADD COLUMN discovered INTEGER NOT NULL DEFAULT 0;

-- {"parameter": domain}: what the objective asked for, in that order; {} where the space is declared.
ALTER TABLE trial ADD COLUMN suggestions TEXT NOT NULL DEFAULT '{}';
