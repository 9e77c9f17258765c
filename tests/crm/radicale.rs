//! A real CardDAV server, and a client of it that knows nothing of ours.

use cuffia_tests::process::Process;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const USER: &str = "anna";
pub const PASSWORD: &str = "ciao ciao";
pub const BOOK: &str = "/anna/customers/";
/// `anna:ciao ciao`
const BASIC: &str = "YW5uYTpjaWFvIGNpYW8=";

pub struct Radicale {
    // Before its folder, so that it ends before that is gone.
    process: Option<Process>,
    port: u16,
    folder: TempDir,
    tls: bool,
    rights: &'static str,
}

impl Radicale {
    /// Starts it with one empty address book.
    pub fn start() -> Radicale {
        let mut server = Radicale::made(5232, false, "owner_only");
        server.go();
        server.make_book();
        server
    }

    /// One with a certificate of its own; its file.
    pub fn with_tls() -> (Radicale, PathBuf) {
        let server = Radicale::made(5233, true, "owner_only");
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(server.folder.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(server.folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        let mut server = server;
        server.go();
        let file = server.folder.path().join("cert.pem");
        (server, file)
    }

    fn made(port: u16, tls: bool, rights: &'static str) -> Radicale {
        Radicale { port, folder: tempfile::tempdir().unwrap(), process: None, tls, rights }
    }

    /// Starts the process again with what it had.
    pub fn go(&mut self) {
        let folder = self.folder.path().display().to_string();
        std::fs::write(self.folder.path().join("users"), format!("{USER}:{PASSWORD}\n")).unwrap();
        let tls = if self.tls {
            format!("ssl = True\ncertificate = {folder}/cert.pem\nkey = {folder}/key.pem\n")
        } else {
            String::new()
        };
        let config = format!(
            "[server]\nhosts = 127.0.0.1:{}\n{tls}[auth]\ntype = htpasswd\nhtpasswd_filename = {folder}/users\n\
             htpasswd_encryption = plain\ndelay = 0\n[rights]\ntype = {}\n[storage]\nfilesystem_folder = {folder}/data\n",
            self.port, self.rights
        );
        std::fs::write(self.folder.path().join("config"), config).unwrap();
        let mut command = Command::new("radicale");
        command.arg("--config").arg(self.folder.path().join("config"));
        self.process = Some(Process::start("radicale", &mut command));
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                Instant::now() < limit,
                "radicale does not listen: {:?}",
                self.process.as_ref().map(Process::lines)
            );
            std::thread::yield_now();
        }
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    pub fn address(&self) -> String {
        if self.tls { format!("https://localhost:{}/", self.port) } else { format!("http://127.0.0.1:{}/", self.port) }
    }

    fn make_book(&self) {
        let body = "<mkcol xmlns='DAV:' xmlns:C='urn:ietf:params:xml:ns:carddav'><set><prop><resourcetype><collection/>\
            <C:addressbook/></resourcetype><displayname>Customers</displayname></prop></set></mkcol>";
        let (status, _) = self.ask("MKCOL", BOOK, "", body);
        assert_eq!(status, 201);
    }

    /// All cards there are: by name of the file, each as its lines.
    pub fn cards(&self) -> BTreeMap<String, Vec<String>> {
        let body = "<propfind xmlns='DAV:'><prop><getetag/></prop></propfind>";
        let (status, list) = self.ask("PROPFIND", BOOK, "Depth: 1\r\n", body);
        assert_eq!(status, 207);
        let hrefs = list.split("<href>").skip(1).filter_map(|rest| rest.split("</href>").next());
        let names = hrefs.filter_map(|href| href.strip_prefix(BOOK)).filter(|name| !name.is_empty());
        names.map(|name| (name.to_owned(), self.card(name).unwrap_or_default())).collect()
    }

    /// Many cards at once, as if they had always been there.
    pub fn fill(&self, count: usize) {
        let book = self.folder.path().join("data/collection-root").join(BOOK.trim_matches('/'));
        for n in 0..count {
            std::fs::write(book.join(format!("c{n}.vcf")), card(&format!("c{n}"), &format!("Customer {n}"), ""))
                .unwrap();
        }
    }

    /// One card's lines, unfolded.
    pub fn card(&self, name: &str) -> Option<Vec<String>> {
        let (status, text) = self.ask("GET", &format!("{BOOK}{name}"), "", "");
        (status == 200).then(|| text.replace("\r\n ", "").lines().map(str::to_owned).collect())
    }

    /// Somebody else writes a card.
    pub fn put(&self, name: &str, card: &str) {
        let (status, said) = self.ask("PUT", &format!("{BOOK}{name}"), "Content-Type: text/vcard\r\n", card);
        assert!((200..300).contains(&status), "{status} {said}");
    }

    /// Somebody else changes a line of a card, if it is there still.
    pub fn change(&self, name: &str, property: &str, value: &str) {
        let Some(mut lines) = self.card(name) else { return };
        lines.retain(|line| !line.starts_with(&format!("{property}:")));
        lines.insert(lines.len() - 1, format!("{property}:{value}"));
        self.put(name, &format!("{}\r\n", lines.join("\r\n")));
    }

    pub fn delete(&self, name: &str) {
        self.ask("DELETE", &format!("{BOOK}{name}"), "", "");
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {BASIC}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
    }
}

/// A card as somebody else's program writes it.
pub fn card(uid: &str, name: &str, extra: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\n{extra}END:VCARD\r\n")
}
