//! `chancery log witness`: a witness of other people's logs, in a process and a folder of its own.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use chancery_keys::{KeyType, LocalKey, Signer as _, file};
use chancery_server::{ServeLimits, serve, witness_router};
use chancery_tlog::{KeyName, PolicyFault, VerifierKey, WitnessPolicy};
use chancery_witness::{Witness, WitnessState, WitnessedLog};

use crate::cli::LogWitnessArgs;
use crate::failure::{Causes, Failure};
use crate::founding::make_passphrase;
use crate::reading::named;
use crate::report::say;
use crate::{keys, logging, serving};

/// The longest list of logs that is read. The parser has a bound of its own.
const LONGEST_LIST: u64 = 1 << 20;

pub(crate) async fn run(args: LogWitnessArgs) -> Result<(), Failure> {
    let name = KeyName::parse(&args.name).map_err(|e| Failure::usage(format!("--name: {e}")))?;
    if args.init {
        return init(&args, &name);
    }
    let (Some(logs), Some(state)) = (&args.logs, &args.state) else {
        return Err(Failure::usage("say --logs and --state"));
    };
    logging::start("info");
    let passphrase = file::read_passphrase_file(&args.passphrase_file)
        .map_err(|e| Failure::configuration(Causes(&e)))?;
    let [key] = keys::load([&*args.key], &passphrase)?;
    let logs = read_logs(logs)?;
    let known = logs.len();
    let state = WitnessState::open(state).map_err(|e| Failure::configuration(Causes(&e)))?;
    let witness = Witness::open(name, Arc::new(key), state, logs);
    let witness = Arc::new(witness.map_err(|e| Failure::configuration(Causes(&e)))?);

    let listener = serving::bind(args.listen).await?;
    let stop = serving::stop_on_signal()?;
    tracing::info!(listen = %args.listen, vkey = %witness.key(), logs = known, "witnessing");
    let router = witness_router(witness, &serving::metrics(false));
    serve(listener, router, ServeLimits::default(), None, stop)
        .await
        .map_err(|e| Failure::failed(format!("the listener ended: {e}")))
}

/// Makes the key, and says what others are to be given.
fn init(args: &LogWitnessArgs, name: &KeyName) -> Result<(), Failure> {
    let passphrase = match args.passphrase_file.exists() {
        true => file::read_passphrase_file(&args.passphrase_file)
            .map_err(|e| Failure::configuration(Causes(&e)))?,
        false => make_passphrase(&args.passphrase_file)?,
    };
    let [key] = keys::make([(args.key.clone(), KeyType::Ed25519, &passphrase)])?;
    say(format_args!("{}\n", verifier_key(name, &key)?));
    Ok(())
}

fn verifier_key(name: &KeyName, key: &LocalKey) -> Result<VerifierKey, Failure> {
    let public_key = key.public_key().subject_public_key().try_into();
    Ok(VerifierKey::Cosignature {
        name: name.clone(),
        public_key: public_key.map_err(Failure::from_error)?,
    })
}

/// Reads the logs from a file, which may be a policy: its other lines mean nothing here.
fn read_logs(path: &Path) -> Result<Vec<WitnessedLog>, Failure> {
    let wrong =
        |e: &dyn std::fmt::Display| Failure::configuration(format!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_LIST).read_to_end(&mut bytes));
    read.map_err(|e| named(path, &e))?;
    let policy = match WitnessPolicy::parse(&bytes) {
        Err(e) if e.fault == PolicyFault::NoQuorum => {
            bytes.extend_from_slice(b"\nquorum none\n");
            WitnessPolicy::parse(&bytes)
        }
        parsed => parsed,
    };
    let policy = policy.map_err(|e| wrong(&e))?;
    let keys: Vec<_> = policy.logs().iter().map(|log| log.key.clone()).collect();
    if keys.is_empty() {
        return Err(wrong(&"no line says `log` and a verifier key"));
    }
    WitnessedLog::by_name(keys).map_err(|e| wrong(&e))
}
