-- Schema version 4. A study may learn from earlier ones.

-- {"sources": [{"name": ..., "trials": n, "lessons": [{"configuration": ..., "values": [...], "scores": [...]}]}]}: the
-- chosen trials of each earlier study; NULL if it learns from none.
ALTER TABLE study ADD COLUMN memory TEXT;
