//! `chancery env`: exactly what to type or paste for each client, with this instance's URL and
//! checksum.

use chancery_server::instructions::{Client, Instructions, TufRoot};
use chancery_store::{Access, ConnectOptions};

use crate::cli::EnvArgs;
use crate::commands::serve::put_database;
use crate::commands::trust::served_root;
use crate::config::Config;
use crate::connecting;
use crate::failure::Failure;
use crate::report::say;
use crate::trusting::{self, read_pinned};

pub(crate) async fn run(args: EnvArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database.clone())?;
    let published = match &config.trust {
        None => None,
        Some(trust) => {
            let options = ConnectOptions {
                access: Access::ReadOnly,
                ..ConnectOptions::default()
            };
            let url = connecting::database_url(&config)?;
            let store = connecting::connect_with(&url, options).await?;
            let pinned = read_pinned(trust)?;
            trusting::read(&*store.trust(), &pinned).await?
        }
    };
    let issuer = config.trust.iter().flat_map(|trust| &trust.login).next();
    let instructions = Instructions {
        url: &config.url,
        root: published.as_ref().map(|published| TufRoot {
            json: served_root(published),
            version: published.root().version().get(),
        }),
        issuer: issuer.map(String::as_str),
    };
    let clients = match args.client {
        Some(client) => vec![client],
        None => Client::ALL.to_vec(),
    };
    for client in clients {
        say(format_args!("{}\n", instructions.text(client)));
    }
    Ok(())
}
