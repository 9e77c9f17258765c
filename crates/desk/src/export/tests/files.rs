//! Where the file is, and what the log says of it.

use super::*;

impl Here {
    /// A desk whose downloads are the files.
    fn desk(&self) -> Desk {
        let (devices, _) = cuffia_headset::MemoryDevices::new();
        let headset = cuffia_headset::Headset::start(Box::new(devices), cuffia_headset::ProcessingConfig::default());
        let desk = Desk::open(crate::DeskSetup {
            store: self.store.clone(),
            secrets: cuffia_customers::Secrets::new(self.folder.path(), cuffia_customers::KeyStore::File),
            headset: headset.unwrap(),
            recordings: self.folder.path().join("recordings"),
            downloads: self.out(),
            media: cuffia_phone::MediaConfig::default(),
            trust: cuffia_phone::Trust::System,
            region: "IT".into(),
            clock: Arc::new(|| 7),
            browse: Arc::new(|_| Ok(())),
        });
        desk.unwrap()
    }
}

#[test]
fn all_pages_are_written_and_no_file_takes_anothers_place() {
    let place = Here::new();
    for i in 0..(2 * i64::from(PAGE) + 1) {
        place.call(&format!("{i:04}"), at("2026-11-05T10:00:00+01:00") + i, "");
    }
    let asked = ask(Records::Calls, "2026-11-05", "2026-11-05", Format::Csv);
    let text = place.csv(&asked);
    assert_eq!(text.lines().count(), 402);
    assert!(text.lines().last().unwrap().ends_with("\"0400\""));
    // Something else has the second name.
    std::fs::create_dir(place.out().join("calls 2026-11-05 (2).csv")).unwrap();
    assert_eq!(place.write(&asked).unwrap().path.file_name().unwrap(), "calls 2026-11-05 (3).csv");
    assert_eq!(place.files(), ["calls 2026-11-05 (2).csv", "calls 2026-11-05 (3).csv", "calls 2026-11-05.csv"]);
    let log = exports(&place.store, 9).unwrap();
    let lines: Vec<_> = log.iter().map(|e| (e.noted.file.as_str(), e.noted.rows, e.at, e.failed)).collect();
    assert_eq!(lines, [("calls 2026-11-05 (3).csv", 401, 7, false), ("calls 2026-11-05.csv", 401, 7, false)]);
    assert_eq!(
        (log[0].noted.from.as_str(), log[0].noted.to.as_str(), &log[0].noted.form),
        ("2026-11-05", "2026-11-05", &None)
    );
    // Where a file is named nothing is overwritten either.
    let there = place.out().join("calls 2026-11-05.csv");
    let refused = write(&place.store, &asked, &Rome, &Place::File(there.clone()), 8).unwrap_err();
    assert_eq!(refused.code(), "export.exists");
    assert_eq!(std::fs::read_to_string(there).unwrap().trim_start_matches('\u{feff}'), text);
}

#[test]
fn without_a_line_in_the_log_there_is_no_file_and_without_a_file_the_log_says_so() {
    let place = Here::new();
    place.call("a", at("2026-11-05T10:00:00+01:00"), "");
    let asked = ask(Records::Calls, "2026-11-05", "2026-11-05", Format::Csv);
    let named = |noted: &dyn Fn(&str) -> Result<(), DeskError>| {
        let here = Place::Folder(place.out());
        Nameless::begin(&here).unwrap().name(&here, "calls", "csv", noted)
    };
    let refused = named(&|_| Err(DeskError::NoName)).unwrap_err();
    assert_eq!(refused.code(), "customer.no_name");
    assert!(place.files().is_empty());
    // Something comes to be there at the last moment.
    let refused = named(&|name| Ok(std::fs::write(place.out().join(name), "theirs")?)).unwrap_err();
    assert_eq!(refused.code(), "export.exists");
    assert!(refused.to_string().contains("calls.csv is there already"), "{refused}");
    assert_eq!(place.files(), ["calls.csv"]);
    assert_eq!(std::fs::read_to_string(place.out().join("calls.csv")).unwrap(), "theirs");
    // A link that leads nowhere is seen when the name is given, not before.
    #[cfg(unix)]
    {
        let link = place.out().join("link.csv");
        std::os::unix::fs::symlink(place.out().join("nowhere"), &link).unwrap();
        let refused = write(&place.store, &asked, &Rome, &Place::File(link.clone()), 7).unwrap_err();
        assert_eq!(refused.code(), "export.exists");
        std::fs::remove_file(link).unwrap();
        assert_eq!(place.files(), ["calls.csv"]);
        assert_eq!(place.store.audit(9).unwrap().len(), 2);
        let log = exports(&place.store, 9).unwrap();
        let lines: Vec<_> = log.iter().map(|e| (e.noted.file.as_str(), e.failed)).collect();
        assert_eq!(lines, [("link.csv", true)]);
    }
    // A folder that is not there: nothing was outside, so nothing is noted.
    let noted = place.store.audit(9).unwrap();
    let gone = Place::Folder(place.out().join("gone"));
    assert_eq!(write(&place.store, &asked, &Rome, &gone, 7).unwrap_err().code(), "export.no_folder");
    let file = Place::Folder(place.out().join("calls.csv"));
    assert_eq!(write(&place.store, &asked, &Rome, &file, 7).unwrap_err().code(), "export.no_folder");
    assert_eq!(place.store.audit(9).unwrap(), noted);
    // One that was there a moment ago is not what is wrong.
    let refused = named(&|_| Ok(std::fs::remove_dir_all(place.out())?)).unwrap_err();
    assert_eq!(refused.code(), "export.write");
}

#[test]
fn what_an_ended_process_had_begun_goes_and_what_is_written_just_now_stays() {
    let place = Here::new();
    place.call("a", at("2026-11-05T10:00:00+01:00"), "");
    let days_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 24 * 3_600);
    let begin = |name: &str, old: bool| {
        let file = File::create(place.out().join(name)).unwrap();
        if old {
            file.set_modified(days_ago).unwrap();
        }
    };
    for (name, old) in [(".cuffia-old.part", true), (".cuffia-new.part", false), ("theirs.part", true)] {
        begin(name, old);
    }
    place.write(&ask(Records::Calls, "2026-11-05", "2026-11-05", Format::Csv)).unwrap();
    let left = [".cuffia-new.part", "calls 2026-11-05.csv", "theirs.part"];
    assert_eq!(place.files(), left);
    // Nobody may ever export again.
    begin(".cuffia-old.part", true);
    tokio::runtime::Runtime::new().unwrap().block_on(async { place.desk() });
    assert_eq!(place.files(), left);
}
