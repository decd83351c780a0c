//! What passes between logs and witnesses, and policies: what is read is written as it was, and a
//! policy that is satisfied by some witnesses is satisfied by more.

use chancery_tlog::{
    AddCheckpoint, Cosignature, MAX_CONSISTENCY_LINES, NoteSignature, VerifierKey, WitnessPolicy,
    parse_witnessed_size,
};

/// Reads an input as a request to a witness, as each of its answers, and as a policy.
pub fn run(input: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(input) {
        assert!(request.proof.len() <= MAX_CONSISTENCY_LINES);
        assert_eq!(request.encode().as_bytes(), input);
    }
    if let Ok(lines) = NoteSignature::parse_lines(input) {
        let written: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(written.as_bytes(), input);
        for line in lines {
            if let Ok(cosignature) = Cosignature::parse(&line.signature) {
                assert_eq!(cosignature.encode(), line.signature);
            }
        }
    }
    if let Some(size) = parse_witnessed_size(input) {
        assert_eq!(format!("{size}\n").as_bytes(), input);
    }
    if let Ok(text) = str::from_utf8(input)
        && let Ok(key) = VerifierKey::parse(text)
    {
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
    }
    if let Ok(policy) = WitnessPolicy::parse(input) {
        judge(&policy);
    }
}

fn judge(policy: &WitnessPolicy) {
    let count = policy.witnesses().len();
    let all = policy.is_satisfied(|_| true);
    assert!(all, "a quorum that nobody can reach");
    let mut satisfied = policy.is_satisfied(|_| false);
    for more in 0..count {
        let now = policy.is_satisfied(|place| place <= more);
        assert!(now || !satisfied, "more witnesses are less");
        satisfied = now;
    }
}
