//! rustls as a peer of the interop tests, TLS 1.2 only. README.md beside this folder has the protocol.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::DerefMut;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::client::{Resumption, Tls12Resumption, WebPkiServerVerifier};
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::version::TLS12;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    SideData, StreamOwned,
};

type Options = HashMap<String, String>;
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() {
    for line in io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let mut fields = line.split(' ');
        let (id, command) = (fields.next().unwrap_or("").to_string(), fields.next().unwrap_or(""));
        let options: Options =
            fields.filter_map(|field| field.split_once('=')).map(|(k, v)| (k.to_string(), v.to_string())).collect();
        if command == "connect" {
            thread::spawn(move || report(&id, &connect(&options).unwrap_or_else(failure)));
        } else if let Err(error) = listen(&id, &options) {
            report(&id, &failure(error));
        }
    }
}

/// Prints one line of JSON; the members stand as they are.
fn report(id: &str, members: &str) {
    println!("{{\"id\":\"{id}\",{members}}}");
}

fn failure(error: Box<dyn Error + Send + Sync>) -> String {
    format!("\"error\":{:?}", error.to_string())
}

/// Visits a server that echoes, twice, with one memory of sessions.
fn connect(options: &Options) -> Outcome<String> {
    let config = Arc::new(client_config(options)?);
    let visits = (0..2).map(|_| visit(&config, &options["port"])).collect::<Outcome<Vec<_>>>()?;
    Ok(format!("\"visits\":[{}]", visits.join(",")))
}

fn visit(config: &Arc<ClientConfig>, port: &str) -> Outcome<String> {
    let transport = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    transport.set_read_timeout(Some(Duration::from_secs(15)))?;
    let connection = ClientConnection::new(config.clone(), ServerName::try_from("localhost")?)?;
    let mut stream = StreamOwned::new(connection, transport);
    let text = b"there and back again\n";
    stream.write_all(text)?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back)?;
    if back != text {
        return Err("what came back is not what was sent".into());
    }
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(format!("{{{}}}", describe(&stream.conn)?))
}

/// Starts a server that echoes. It reports its port, and then every handshake.
fn listen(id: &str, options: &Options) -> Outcome<()> {
    let config = Arc::new(server_config(options)?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    report(id, &format!("\"port\":{}", listener.local_addr()?.port()));
    let id = id.to_string();
    thread::spawn(move || {
        for transport in listener.incoming().flatten() {
            let (id, config) = (id.clone(), config.clone());
            thread::spawn(move || {
                if let Err(error) = serve(&id, config, transport) {
                    report(&id, &failure(error));
                }
            });
        }
    });
    Ok(())
}

fn serve(id: &str, config: Arc<ServerConfig>, mut transport: TcpStream) -> Outcome<()> {
    let mut connection = ServerConnection::new(config)?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut transport) {
            // The alert of what went wrong.
            let _ = connection.write_tls(&mut transport);
            return Err(error.into());
        }
    }
    report(id, &describe(&connection)?);
    let mut stream = StreamOwned::new(connection, transport);
    let mut buffer = [0; 16384];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            stream.conn.send_close_notify();
            return Ok(stream.flush()?);
        }
        stream.write_all(&buffer[..length])?;
    }
}

fn describe<C, D>(connection: &C) -> Outcome<String>
where
    C: std::ops::Deref<Target = ConnectionCommon<D>> + DerefMut,
    D: SideData,
{
    let suite = connection.negotiated_cipher_suite().ok_or("no suite")?.suite();
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    let alpn = String::from_utf8_lossy(connection.alpn_protocol().unwrap_or_default()).into_owned();
    let leaf = connection.peer_certificates().and_then(|chain| chain.first());
    let peer = leaf.map_or(String::new(), |leaf| common_name(leaf));
    let exported =
        connection.export_keying_material([0u8; 32], b"EXPERIMENTAL-ringtls", Some(b"interop"))?;
    let hex: String = exported.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "\"suite\":\"{suite:?}\",\"resumed\":{resumed},\"alpn\":{alpn:?},\"peer\":{peer:?},\"exported\":\"{hex}\""
    ))
}

/// The last common name of a certificate is its subject's: id-at-commonName, then a string shorter than 128 bytes.
fn common_name(certificate: &CertificateDer) -> String {
    let id = [0x06, 0x03, 0x55, 0x04, 0x03];
    let at = certificate.windows(id.len()).rposition(|window| window == id);
    at.map_or(String::new(), |at| {
        let (length, start) = (certificate[at + 6] as usize, at + 7);
        String::from_utf8_lossy(&certificate[start..start + length]).into_owned()
    })
}

fn client_config(options: &Options) -> Outcome<ClientConfig> {
    let provider = Arc::new(provider_of(options));
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots_of(&options["ca"])?, provider.clone()).build()?;
    let builder =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS12])?.with_webpki_verifier(verifier);
    let mut config = match options.get("cert") {
        Some(cert) => builder.with_client_auth_cert(chain_of(cert)?, key_of(&options["key"])?)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols_of(options);
    let how = match options.contains_key("tickets") {
        true => Tls12Resumption::SessionIdOrTickets,
        false => Tls12Resumption::SessionIdOnly,
    };
    config.resumption = Resumption::in_memory_sessions(8).tls12_resumption(how);
    Ok(config)
}

fn server_config(options: &Options) -> Outcome<ServerConfig> {
    let provider = Arc::new(provider_of(options));
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS12])?;
    let builder = match options.get("auth").map(String::as_str) {
        Some(auth @ ("request" | "require")) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots_of(&options["ca"])?, provider);
            let verifier = if auth == "request" { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build()?)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain_of(&options["cert"])?, key_of(&options["key"])?)?;
    config.alpn_protocols = protocols_of(options);
    if options.contains_key("tickets") {
        config.ticketer = ring::Ticketer::new()?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
    } else {
        config.session_storage = ServerSessionMemoryCache::new(8);
    }
    Ok(config)
}

/// ring's primitives, less the suites that were not asked for.
fn provider_of(options: &Options) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(suites) = options.get("suites") {
        provider.cipher_suites.retain(|suite| suites.split(',').any(|name| format!("{:?}", suite.suite()) == name));
    }
    provider
}

fn protocols_of(options: &Options) -> Vec<Vec<u8>> {
    options.get("alpn").map_or(vec![], |names| names.split(',').map(|name| name.as_bytes().to_vec()).collect())
}

fn roots_of(file: &str) -> Outcome<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for anchor in chain_of(file)? {
        roots.add(anchor)?;
    }
    Ok(Arc::new(roots))
}

fn chain_of(file: &str) -> Outcome<Vec<CertificateDer<'static>>> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
}

fn key_of(file: &str) -> Outcome<PrivateKeyDer<'static>> {
    Ok(PrivateKeyDer::from_pem_file(file)?)
}
