//! Times: they rise whatever the clock does, and a clock that is far off stops the log.

use std::time::Duration;

use chancery_log::AppendError;

use crate::world::{START_MS, TestLog, refused};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn the_time_is_the_clocks_and_rises_when_the_clock_stands() {
    let log = TestLog::new().await;
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(log.append_one().await.unwrap().timestamp_ms());
    }
    log.world.tick(SECOND);
    times.push(log.append_one().await.unwrap().timestamp_ms());
    let expected = [0, 1, 2, 1_000].map(|ms| START_MS + ms);
    assert_eq!(times, expected);
    log.check_log().await;
}

#[tokio::test]
async fn a_clock_that_goes_back_a_second_makes_times_rise_by_a_millisecond() {
    let log = TestLog::new().await;
    let before = log.append_one().await.unwrap().timestamp_ms();
    log.world.tick_back(SECOND);
    for later in 1..=3 {
        let sequenced = log.append_one().await.unwrap();
        assert_eq!(sequenced.timestamp_ms(), before + later);
    }
    log.check_log().await;
}

#[tokio::test]
async fn a_clock_that_is_2_s_behind_is_tolerated_and_no_more() {
    let log = TestLog::of_size(1).await;
    log.world.tick_back(2 * SECOND);
    log.append_one().await.unwrap();
    // The head is 1 ms further on now.
    let refusal = refused(&log).await.to_string();
    assert!(refusal.contains("the clock is 2001 ms behind"), "{refusal}");
    log.world.tick(Duration::from_millis(1));
    log.append_one().await.unwrap();
    log.check_log().await;
}

#[tokio::test]
async fn a_clock_an_hour_behind_stops_the_log_until_it_is_right_again() {
    let log = TestLog::of_size(3).await;
    log.world.tick_back(HOUR);
    for _ in 0..2 {
        let refusal = refused(&log).await;
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
        assert!(
            refusal.to_string().contains("3600000 ms behind"),
            "{refusal}"
        );
    }
    assert_eq!(log.world.stored_entries(), 3);
    log.check_log().await;
    let log = log.reopen().await;
    refused(&log).await;

    log.world.tick(HOUR);
    log.append_one().await.unwrap();
    assert_eq!(log.check_log().await.leaves.len(), 4);
}

#[tokio::test]
async fn a_database_clock_more_than_2_s_apart_is_refused() {
    let log = TestLog::of_size(3).await;
    let now = log.world.now_ms();
    for (database, right) in [
        (now - 2_001, false),
        (now - 2_000, true),
        (now + 2_000, true),
        (now + 2_001, false),
    ] {
        *log.store.database_time_ms.lock().unwrap() = Some(database);
        let size = log.world.stored_entries();
        if right {
            log.append_one().await.unwrap();
        } else {
            let refusal = refused(&log).await.to_string();
            assert!(refusal.contains("differ by 2001 ms"), "{refusal}");
            assert_eq!(log.world.stored_entries(), size);
        }
        log.check_log().await;
    }
}
