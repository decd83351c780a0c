//! Tests with NTP servers on loopback that tell whatever time they are told to.

use tokio::net::UdpSocket;

use super::*;

/// Seconds from NTP's epoch, 1900, to Unix's.
const ERA: f64 = 2_208_988_800.0;

/// Answers requests with a time that is `ahead` seconds from this machine's.
async fn server(ahead: f64) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut request = [0; 48];
        while let Ok((_, client)) = socket.recv_from(&mut request).await {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = now.unwrap().as_secs_f64() + ERA + ahead;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "era 0"
            )]
            let fixed = ((now * 4_294_967_296.0) as u64).to_be_bytes();
            let mut answer = [0; 48];
            answer[0] = 0x24; // version 4, server
            answer[1] = 1;
            answer[24..32].copy_from_slice(&request[40..48]);
            answer[32..40].copy_from_slice(&fixed);
            answer[40..48].copy_from_slice(&fixed);
            let _ = socket.send_to(&answer, client).await;
        }
    });
    address.to_string()
}

fn time(servers: Vec<String>, quorum: usize) -> Arc<NtpTime> {
    NtpTime::new(NtpConfig {
        servers,
        quorum,
        limit: Duration::from_secs(5),
        interval: Duration::from_secs(60),
        max_age: Duration::from_secs(600),
    })
    .unwrap()
}

#[tokio::test]
async fn one_server_that_lies_decides_nothing() {
    let servers = vec![server(0.0).await, server(3600.0).await, server(0.1).await];
    let ntp = time(servers, 3);
    let doubt = ntp.check(SystemTime::now()).unwrap_err();
    assert!(matches!(doubt, TimeDoubt::Unknown { .. }), "{doubt}");
    assert!(ntp.ask().await);
    assert_eq!(ntp.check(SystemTime::now()), Ok(()));
}

#[tokio::test]
async fn a_clock_that_is_off_is_not_believed_in_either_direction() {
    for (ahead, said) in [(60.0, "behind"), (-60.0, "ahead of")] {
        let ntp = time(vec![server(ahead).await], 1);
        assert!(ntp.ask().await);
        match ntp.check(SystemTime::now()) {
            Err(TimeDoubt::Apart { direction, .. }) => assert_eq!(direction, said),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_step_of_the_clock_after_a_round_shows_at_once() {
    let ntp = time(vec![server(0.0).await], 1);
    assert!(ntp.ask().await);
    let stepped = SystemTime::now() + Duration::from_secs(60);
    assert!(matches!(ntp.check(stepped), Err(TimeDoubt::Apart { .. })));
}

#[tokio::test]
async fn a_round_with_too_few_answers_changes_nothing() {
    // A port that was bound and is free again: nobody answers there.
    let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let nobody = gone.local_addr().unwrap().to_string();
    drop(gone);
    let ntp = time(vec![server(0.0).await, nobody], 2);
    assert!(!ntp.ask().await);
    assert!(ntp.check(SystemTime::now()).is_err());
}

#[test]
fn a_quorum_that_cannot_be_reached_is_refused() {
    for quorum in [0, 2] {
        let config = NtpConfig {
            servers: vec!["a".to_owned()],
            quorum,
            limit: Duration::ZERO,
            interval: Duration::ZERO,
            max_age: Duration::ZERO,
        };
        assert!(NtpTime::new(config).is_err());
    }
}

#[test]
fn what_a_round_found_is_not_good_for_ever() {
    let ntp = NtpTime::new(NtpConfig {
        servers: vec!["a".to_owned()],
        quorum: 1,
        limit: Duration::from_secs(5),
        interval: Duration::ZERO,
        max_age: Duration::ZERO,
    })
    .unwrap();
    ntp.learn(SystemTime::now());
    let doubt = ntp.check(SystemTime::now()).unwrap_err();
    assert!(matches!(doubt, TimeDoubt::Unknown { .. }), "{doubt}");
}

#[test]
fn the_median_is_one_of_the_middle() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![f64::NAN, 4.0, 1.0, 2.0, 3.0]), Some(2.0));
}
