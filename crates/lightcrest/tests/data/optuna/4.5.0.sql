BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'all "kinds"');
INSERT INTO "studies" VALUES(2,'both');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MINIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MINIMIZE',2,0);
INSERT INTO "study_directions" VALUES(3,'MAXIMIZE',2,1);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["loss"]');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'why','{"a": [1, null], "inf": Infinity}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,0,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,1,5,8.33333333333333287074e-02,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,0,3.24835034508667559825e-04,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,2,1.08278344836222519941e-04,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,5,5.41391724181112599708e-05,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,3,0,1.05259486897997062105e-04,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,3,2,3.50864956326656896273e-05,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,5,1.75432478163328448138e-05,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,4,0,9.26150755869667885455e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,4,2,3.08716918623222646989e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,4,5,1.54358459311611323494e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,5,0,3.95403798851065690911e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,5,2,1.31801266283688572888e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,5,5,6.59006331418442864444e-02,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,6,0,5.09418227478355634119e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(17,6,2,1.69806075826118535454e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(18,6,5,8.49030379130592677272e-02,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(19,7,0,0.0064527033727124,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(20,7,2,2.15090112423746643646e-03,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(21,7,5,1.07545056211873321823e-03,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'x',0.5,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'y',-0.25,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(3,1,'n',121.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(4,1,'m',-3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(5,1,'c',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(6,2,'x',3.24835034508667559825e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(7,2,'y',-0.75,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(8,2,'n',1.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(9,2,'m',-3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(10,2,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(11,3,'x',1.05259486897997062105e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(12,3,'y',0.75,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(13,3,'n',1.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(14,3,'m',6.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(15,3,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(16,4,'x',9.26150755869667885455e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(17,4,'y',-0.25,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(18,4,'n',798.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(19,4,'m',-3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(20,4,'c',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(21,5,'x',3.95403798851065690911e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(22,5,'y',0.25,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(23,5,'n',176.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(24,5,'m',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(25,5,'c',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(26,6,'x',5.09418227478355634119e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(27,6,'y',0.25,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(28,6,'n',161.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(29,6,'m',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(30,6,'c',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(31,7,'x',0.0064527033727124,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(32,7,'y',-1.0,'{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(33,7,'n',28.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 1024}}');
INSERT INTO "trial_params" VALUES(34,7,'m',9.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 3, "low": -3, "high": 9}}');
INSERT INTO "trial_params" VALUES(35,7,'c',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, "a", 1.5, 2]}}');
INSERT INTO "trial_params" VALUES(36,8,'z',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 0}}');
INSERT INTO "trial_params" VALUES(37,9,'x',2.05908671557978838195e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(38,11,'a',1.18060714729762317176e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(39,12,'a',0.89986115262862,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"x": 0.5, "c": "a"}');
INSERT INTO "trial_system_attributes" VALUES(2,1,'constraints','[-1.0, -2.5]');
INSERT INTO "trial_system_attributes" VALUES(3,2,'constraints','[-1.0, -1.5]');
INSERT INTO "trial_system_attributes" VALUES(4,3,'constraints','[-1.0, -0.5]');
INSERT INTO "trial_system_attributes" VALUES(5,4,'constraints','[-1.0, 0.5]');
INSERT INTO "trial_system_attributes" VALUES(6,6,'constraints','[-1.0, 2.5]');
INSERT INTO "trial_system_attributes" VALUES(7,7,'constraints','[-1.0, 3.5]');
INSERT INTO "trial_system_attributes" VALUES(8,10,'fixed_params','{"x": 0.25, "c": null, "m": 3}');
INSERT INTO "trial_system_attributes" VALUES(9,11,'NSGAIISampler:generation','0');
INSERT INTO "trial_system_attributes" VALUES(10,12,'NSGAIISampler:generation','0');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'by','"hand"');
INSERT INTO "trial_user_attributes" VALUES(2,1,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
INSERT INTO "trial_user_attributes" VALUES(3,2,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
INSERT INTO "trial_user_attributes" VALUES(4,3,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
INSERT INTO "trial_user_attributes" VALUES(5,4,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
INSERT INTO "trial_user_attributes" VALUES(6,5,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
INSERT INTO "trial_user_attributes" VALUES(7,6,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
INSERT INTO "trial_user_attributes" VALUES(8,7,'note','{"\u00fc": [1, null, 2.5, "\n"], "nan": NaN}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,NULL,'INF_NEG');
INSERT INTO "trial_values" VALUES(2,2,0,-2.74967516496549135851e+00,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,7.75010525948689821262e+00,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,1.54358459311611323494e-01,'FINITE');
INSERT INTO "trial_values" VALUES(5,6,0,NULL,'INF_POS');
INSERT INTO "trial_values" VALUES(6,7,0,3.60064527033727159737e+01,'FINITE');
INSERT INTO "trial_values" VALUES(7,11,0,1.18060714729762317176e-01,'FINITE');
INSERT INTO "trial_values" VALUES(8,11,1,NULL,'INF_POS');
INSERT INTO "trial_values" VALUES(9,12,0,0.89986115262862,'FINITE');
INSERT INTO "trial_values" VALUES(10,12,1,NULL,'INF_POS');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-30 12:31:33.948558','2026-11-30 12:31:34.556054');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-30 12:31:34.606516','2026-11-30 12:31:35.037487');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-30 12:31:35.072049','2026-11-30 12:31:35.359291');
INSERT INTO "trials" VALUES(4,3,1,'PRUNED','2026-11-30 12:31:35.438911','2026-11-30 12:31:35.832810');
INSERT INTO "trials" VALUES(5,4,1,'FAIL','2026-11-30 12:31:35.925470','2026-11-30 12:31:36.329561');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-30 12:31:36.395105','2026-11-30 12:31:36.829664');
INSERT INTO "trials" VALUES(7,6,1,'COMPLETE','2026-11-30 12:31:36.865466','2026-11-30 12:31:37.231717');
INSERT INTO "trials" VALUES(8,7,1,'FAIL','2026-11-30 12:31:37.272141','2026-11-30 12:31:37.419021');
INSERT INTO "trials" VALUES(9,8,1,'RUNNING','2026-11-30 12:31:37.489782',NULL);
INSERT INTO "trials" VALUES(10,9,1,'WAITING',NULL,NULL);
INSERT INTO "trials" VALUES(11,0,2,'COMPLETE','2026-11-30 12:31:37.734722','2026-11-30 12:31:37.832822');
INSERT INTO "trials" VALUES(12,1,2,'COMPLETE','2026-11-30 12:31:37.863407','2026-11-30 12:31:38.137008');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'4.5.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
