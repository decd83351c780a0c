//! x
use crate::harness::{LOG, TestDatabase, on_postgres, on_sqlite};
use crate::test_log::*;
use std::time::Instant;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/schedstat");
    let _ = s;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
async fn bench(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    for n in [std::option_env!("X").map_or(16u64, |x| x.parse().unwrap())] {
        let mut known = Some(append(&*log, None, n).await.unwrap());
        let reps = (12000 / n).clamp(60, 1500);
        // cost of making batches alone
        let c0 = cpu();
        for _ in 0..reps {
            let e = known.clone().unwrap();
            let head = chancery_log::Head {
                tree: e.tree_head(),
                timestamp_ms: 5,
            };
            std::hint::black_box(batch(
                chancery_log::Tip {
                    head,
                    edge_tiles: None,
                    database_time_ms: None,
                },
                Some(e),
                n,
            ));
        }
        let own = cpu() - c0;
        let (c, t) = (cpu(), Instant::now());
        for _ in 0..reps {
            known = Some(append(&*log, known, n).await.unwrap());
        }
        let rows = (n * reps) as f64;
        println!(
            "{} batch {n}: wall {:.0} us/batch {:.1} us/row; cpu {:.1} us/row (batch making {:.1})",
            if database.is_sqlite() { "sqlite" } else { "pg" },
            t.elapsed().as_secs_f64() * 1e6 / reps as f64,
            t.elapsed().as_secs_f64() * 1e6 / rows,
            (cpu() - c) * 1e6 / rows,
            own * 1e6 / rows
        );
    }
}
#[tokio::test]
async fn bench_sqlite() {
    on_sqlite(bench).await;
}
#[tokio::test]
async fn bench_pg() {
    on_postgres(bench).await;
}
