//! What a ledger that cannot be opened does to the rest of an instance: nothing.

use std::fs;
use std::time::Duration;

use chancery_tests::client::Client;

use crate::ledger::{at, follow, with_ledger};
use crate::production::Production;
use crate::recovery::{Instance, Kind};

const HOST: &str = "one.example.org";

/// Serves an instance and has it issue a certificate.
async fn assert_issues(instance: &mut Instance) -> Production {
    let identity = instance.identity().await;
    let production = instance.serve();
    let client: Client = production.client();
    let answer = client.signing_cert(&identity).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    production
}

#[tokio::test]
async fn an_instance_starts_while_the_witnesses_of_its_ledger_are_away() {
    let mut instance = with_ledger(Kind::Sqlite).await.unwrap();
    let key = ["--key", "w.pem", "--passphrase-file", "secrets/passphrase"];
    let made = ["log", "witness", "--init", "--name", "w.example.org"];
    let key = instance.succeed(&[&made[..], &key].concat());
    let policy = format!(
        "witness one {} http://127.0.0.1:1/\nquorum one\n",
        key.trim()
    );
    fs::write(instance.file("log/away"), policy).unwrap();
    let config = instance.file("chancery.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let witnesses = "  witnesses: {policy: log/away, required: true, timeout-ms: 200}\n";
    let accept = "  accept: any-key\n";
    assert!(text.contains(accept), "{text}");
    let text = text.replace(accept, &format!("{accept}{witnesses}"));
    fs::write(&config, text).unwrap();
    let production = assert_issues(&mut instance).await;
    instance.stop(production);
}

#[tokio::test]
async fn an_instance_starts_without_a_ledger_that_is_retired_and_has_lost_its_guard() {
    let mut instance = with_ledger(Kind::Sqlite).await.unwrap();
    fs::remove_file(instance.file("guard-ledger")).unwrap();
    let retire = ["log", "recover", "--log", HOST, "--retire", HOST];
    let said = instance.succeed(&retire);
    assert!(said.contains("chancery ledger new"), "{said}");
    let production = assert_issues(&mut instance).await;
    instance.stop(production);
}

#[tokio::test]
async fn an_instance_starts_without_a_frozen_ledger_that_is_damaged() {
    let mut instance = with_ledger(Kind::Sqlite).await.unwrap();
    let url = fs::read_to_string(instance.file("database-url")).unwrap();
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    let damage = "UPDATE log SET retired_ms = 1, final_checkpoint = x'00' WHERE log = 2";
    sqlx::raw_sql(damage)
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let production = assert_issues(&mut instance).await;
    instance.stop(production);
}

#[tokio::test]
async fn a_ledger_that_is_left_out_is_nobody_elses_and_comes_back() {
    let mut instance = with_ledger(Kind::Sqlite).await.unwrap();
    follow(&instance);
    instance.succeed(&["ledger", "new"]);
    let (guard, away) = (instance.file("guard-ledger"), instance.file("guard-away"));
    fs::rename(&guard, &away).unwrap();
    let production = instance.serve();
    let http = reqwest::Client::builder().pool_max_idle_per_host(0);
    let (http, port) = (http.build().unwrap(), production.port());
    assert_eq!(at(&http, port, HOST, None).await.0, 404);
    let (_, other) = at(&http, port, "two.example.org", None).await;
    assert!(other.starts_with("two.example.org\n"), "{other}");
    fs::rename(&away, &guard).unwrap();
    production.wait_within(&["is served now"], Duration::from_secs(60));
    let (_, own) = at(&http, port, HOST, None).await;
    assert!(own.starts_with("one.example.org\n"), "{own}");
    instance.stop(production);
}
