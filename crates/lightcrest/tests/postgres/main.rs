//! Studies in PostgreSQL: the contract of storages on a real server, and what happens when it goes away.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(all(unix, feature = "postgres"))]

mod proxy;
mod server;

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::{Storage, StorageError, load, open_url};
use lightcrest::{Study, StudyError, TrialState, testing};
use proxy::Proxy;
use server::Server;
use std::sync::Arc;

fn study(url: &str) -> Result<Study, StudyError> {
    let space = Space::builder().float("x", 0.0, 1.0).build()?;
    let builder = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name("s").write_through(true);
    builder.sampler(RandomSampler::new()).boxed_storage(open_url(url, None)?.study("s")?).build()
}

fn open(url: &str, name: &str) -> Box<dyn Storage> {
    open_url(url, None).unwrap().study(name).unwrap()
}

#[test]
fn postgresql_conforms() {
    let Some(server) = Server::start() else { return };
    let mut n = 0;
    let mut fresh = || {
        n += 1;
        server.database(&format!("d{n}"))
    };
    testing::storage(&mut || open(&fresh(), "suite"));
    testing::shared_storage(&mut || {
        let url = fresh();
        Box::new(move || open(&url, "suite"))
    });
    let url = fresh();
    testing::catalog(&mut || open_url(&url, None).unwrap());
}

#[test]
fn what_happens_to_a_server_is_said_and_survived() {
    let Some(server) = Server::start() else { return };
    a_server_that_comes_back_has_lost_nothing(&server);
    a_lease_that_is_over_is_somebody_elses(&server);
    what_cannot_be_reached_is_said_without_the_password(&server);
    a_newer_schema_is_refused(&server);
    whoever_waits_for_a_lock_can_be_called_off(&server);
}

fn a_server_that_comes_back_has_lost_nothing(server: &Server) {
    let url = server.database("crash");
    let mut here = study(&url).unwrap();
    let mut there = study(&url).unwrap();
    let a = here.ask().unwrap();
    here.report(a.number, 1, &[0.5]).unwrap();
    here.tell(a.number, Ok(Evaluation::new([0.25]))).unwrap();
    let b = there.ask().unwrap();
    server.crash();
    std::thread::scope(|scope| {
        let told = scope.spawn(|| {
            // Whether or not the server knows of the trial still, nothing of another run is written.
            there.report(b.number, 1, &[0.5]).map(drop)
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        server.go_on();
        match told.join().unwrap() {
            Ok(())
            | Err(StudyError::Storage(StorageError::LeaseLost { .. } | StorageError::UnknownTrial { .. })) => {
            }
            Err(error) => panic!("{error}"),
        }
    });
    here.synchronize().unwrap();
    assert_eq!(here.trials()[0].values, Some(vec![0.25]), "it was acknowledged");
    assert_eq!(here.trials()[0].reports, [(1, vec![0.5])]);
    for study in [&mut here, &mut there] {
        let next = study.ask().unwrap();
        study.tell(next.number, Ok(Evaluation::new([1.0]))).unwrap();
    }
    here.synchronize().unwrap();
    let (_, history) = load(&mut *open(&url, "s")).unwrap();
    assert_eq!(history.trials(), here.trials());
}

fn a_lease_that_is_over_is_somebody_elses(server: &Server) {
    let url = server.database("lease");
    let mut here = study(&format!("{url}?lease=1")).unwrap();
    let mut there = study(&url).unwrap();
    let trial = here.ask().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    there.reclaim().unwrap();
    there.synchronize().unwrap();
    assert_eq!(there.trials()[0].state, TrialState::Running, "its worker renews the lease");
    // The clock of the server goes on while the worker is not heard.
    server.sql(
        "lease",
        "UPDATE lightcrest.trial SET lease = clock_timestamp() - interval '1 second', token = token",
    );
    let again = loop {
        let asked = there.ask().unwrap();
        if asked.number == trial.number {
            break asked;
        }
        server.sql(
            "lease",
            "UPDATE lightcrest.trial SET lease = clock_timestamp() - interval '1 second'
                             WHERE number = 0 AND attempt = 1",
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!((again.attempt, &again.configuration), (2, &trial.configuration));
    // Nobody waits for what becomes of a report; the next call says it.
    here.report(trial.number, 1, &[0.5]).unwrap();
    here.synchronize().unwrap();
    let late = here.report(trial.number, 2, &[0.5]).unwrap_err();
    assert!(matches!(late, StudyError::Storage(StorageError::LeaseLost { .. })), "{late}");
    let late = here.tell(trial.number, Ok(Evaluation::new([0.5]))).unwrap_err();
    assert!(matches!(late, StudyError::Storage(StorageError::LeaseLost { .. })), "{late}");
    there.tell(again.number, Ok(Evaluation::new([0.75]))).unwrap();
    there.synchronize().unwrap();
    assert_eq!(there.trials()[0].reports, [], "those of the first run do not count");
}

#[test]
fn reports_that_nobody_waited_for_are_seen_by_others_and_there_in_the_end() {
    let Some(server) = Server::start() else { return };
    let url = server.database("reports");
    let (mut here, mut there) = (study(&url).unwrap(), study(&format!("{url}?lease=59")).unwrap());
    let (a, b) = (here.ask().unwrap().number, here.ask().unwrap().number);
    for step in 1..=20 {
        here.report(a, step, &[step as f64]).unwrap();
        here.report(b, step, &[-(step as f64)]).unwrap();
    }
    // Whatever this handle asks comes after what it sent.
    here.synchronize().unwrap();
    there.synchronize().unwrap();
    let steps = |sign: f64| (1..=20).map(|step| (step, vec![sign * step as f64])).collect::<Vec<_>>();
    assert_eq!((&there.trials()[0].reports, &there.trials()[1].reports), (&steps(1.0), &steps(-1.0)));
    for step in 21..=40 {
        here.report(a, step, &[0.0]).unwrap();
    }
    here.tell(a, Ok(Evaluation::new([0.5]))).unwrap();
    here.tell(b, Ok(Evaluation::new([0.25]))).unwrap();
    there.synchronize().unwrap();
    assert_eq!(there.trials()[0].reports.len(), 40);
    assert_eq!(there.trials(), here.trials());
    let (_, history) = load(&mut *open(&url, "s")).unwrap();
    assert_eq!(history.trials(), here.trials());
}

#[test]
fn whatever_answer_is_lost_on_the_way_each_trial_is_there_once_and_whole() {
    let Some(server) = Server::start() else { return };
    let url = server.database("cut");
    let proxy = Proxy::to(server.port());
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port));
    let mut study = study(&through).unwrap();
    let mut trials = 0;
    loop {
        trials += 1;
        proxy.lose(trials);
        let number = study.ask().unwrap().number;
        for step in [1, 2] {
            study.report(number, step, &[step as f64]).unwrap();
            // Its answer is waited for, and does not come together with that of the end.
            study.synchronize().unwrap();
        }
        study.tell(number, Ok(Evaluation::new([number as f64]))).unwrap();
        if !proxy.has_lost() {
            break;
        }
    }
    assert!(trials > 5, "of a trial that asks, reports twice and ends, each answer was lost once");
    let (_, history) = load(&mut *open(&url, "s")).unwrap();
    assert_eq!(history.trials().len(), trials);
    for trial in history.trials() {
        assert_eq!(trial.values, Some(vec![trial.number as f64]), "{trial:?}");
        assert_eq!(trial.reports, [(1, vec![1.0]), (2, vec![2.0])], "{trial:?}");
        assert_eq!(trial.attempt, 1, "none was begun anew");
    }
}

/// Each message of a study of its own is the last one for a while. What this connection asks arrives late,
/// and is never answered.
#[test]
fn a_network_that_falls_silent_is_noticed_and_each_trial_is_there_once_and_whole() {
    let Some(server) = Server::start() else { return };
    // The server is given up after six seconds.
    let (options, pause) = ("lease=20&connect_timeout=1", std::time::Duration::from_secs(7));
    let cut_off = |message: usize| {
        let name = format!("silence{message}");
        let (url, proxy) = (server.database(&name), Proxy::to(server.port()));
        let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port));
        let mut study = study(&format!("{through}?{options}")).unwrap();
        let mut run = |held: bool| {
            let number = study.ask().unwrap().number;
            if held && message > 6 {
                // Before the trial ends its reports have arrived.
                study.report(number, 1, &[1.0]).unwrap();
                study.synchronize().unwrap();
            }
            study.report(number, 2, &[2.0]).unwrap();
            study.tell(number, Ok(Evaluation::new([number as f64]))).unwrap();
        };
        run(false);
        proxy.hold_at(message);
        std::thread::scope(|scope| {
            scope.spawn(|| proxy.let_pass_after(pause));
            run(true);
            run(false);
        });
        drop(study);
        let (_, history) = load(&mut *open(&url, "s")).unwrap();
        assert_eq!(history.trials().len(), 3, "message {message}: {:?}", history.trials());
        for trial in history.trials() {
            assert_eq!(trial.values, Some(vec![trial.number as f64]), "message {message}: {trial:?}");
            assert_eq!(trial.reports.last(), Some(&(2, vec![2.0])), "message {message}: {trial:?}");
            assert_eq!(trial.attempt, 1, "message {message}: none was begun anew");
        }
    };
    std::thread::scope(|scope| {
        (1..=10).for_each(|message| drop(scope.spawn(move || cut_off(message))));
    });
}

#[test]
fn a_server_is_believed_for_its_certificate_and_its_name() {
    let (Some(mut server), Some(mut other)) = (Server::start(), Server::start()) else { return };
    let url = server.database("tls").replace("127.0.0.1", "localhost");
    let refused = |options: &str, url: &str| {
        let error = open_url(&format!("{url}?{options}"), None).unwrap().study("s").err().unwrap();
        assert!(matches!(error, StorageError::Unreachable { .. }), "{error}");
        let first: &(dyn std::error::Error + 'static) = &error;
        let chain = std::iter::successors(Some(first), |error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    };
    let nothing = refused("sslmode=verify-full", &url);
    let authority = server.encrypt().display().to_string();
    let verified = format!("sslmode=verify-full&sslrootcert={authority}");
    let mut study = study(&format!("{url}?{verified}")).unwrap();
    let trial = study.ask().unwrap();
    study.tell(trial.number, Ok(Evaluation::new([0.5]))).unwrap();
    let used = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                WHERE application_name = 'lightcrest' AND datname = 'tls'";
    assert_eq!(server.sql("tls", used), "t", "it is encrypted");
    let other = format!("sslmode=verify-full&sslrootcert={}", other.encrypt().display());
    for (said, word) in [
        (nothing, "TLS"),
        (refused(&verified, &url.replace("localhost", "127.0.0.1")), "not valid for name"),
        (refused("sslmode=verify-full", &url), "invalid peer certificate"),
        (refused(&other, &url), "invalid peer certificate"),
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

fn what_cannot_be_reached_is_said_without_the_password(server: &Server) {
    let url = server.database("reach");
    let nobody = url.replace("lightcrest@", "lightcrest:hunter2@").replace("reach", "nowhere");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [nobody, format!("postgresql://u:hunter2@127.0.0.1:{port}/d")] {
        let error = open_url(&url, None).unwrap().study("s").err().unwrap();
        let text = format!(
            "{error} {:?} {}",
            std::error::Error::source(&error),
            open_url(&url, None).unwrap().place()
        );
        assert!(matches!(error, StorageError::Unreachable { .. }), "{text}");
        assert!(!text.contains("hunter2") && error.to_string().contains("postgresql://"), "{text}");
    }
}

fn a_newer_schema_is_refused(server: &Server) {
    let url = server.database("newer");
    drop(study(&url).unwrap());
    server.sql("newer", "UPDATE lightcrest.schema SET version = 99");
    let error = open_url(&url, None).unwrap().study("s").err().unwrap();
    assert!(matches!(error, StorageError::NewerSchema { found: 99, .. }), "{error}");
}

fn whoever_waits_for_a_lock_can_be_called_off(server: &Server) {
    let url = server.database("wait");
    drop(study(&url).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            server
                .sql("wait", "BEGIN; SELECT 1 FROM lightcrest.study FOR UPDATE; SELECT pg_sleep(2); COMMIT");
        });
        std::thread::sleep(std::time::Duration::from_millis(500));
        let mut storage = open_url(&url, Some(Arc::new(|| true))).unwrap().study("s").unwrap();
        let error = storage.set_attribute("a", 1.into()).unwrap_err();
        assert!(matches!(error, StorageError::CalledOff { .. }), "{error}");
    });
}
