//! Articles of a folder.

use crate::shell::*;
use cuffia_api::*;
use serde_json::json;
use std::fs;
use std::path::Path;

fn text(pieces: &[Piece]) -> String {
    pieces.iter().map(|p| if p.found { format!("[{}]", p.text) } else { p.text.clone() }).collect()
}

async fn titles(shell: &Shell, command: &str, words: &str) -> Vec<String> {
    let rows: Vec<ArticleRow> = serde_json::from_value(shell.ask(command, json!({"text": words})).await).unwrap();
    rows.iter().map(|row| text(&row.title)).collect()
}

async fn page(shell: &Shell, id: &str, words: &str, call: Option<&str>) -> ArticlePage {
    let page = shell.ask("open_article", json!({"article": id, "words": words, "call": call})).await;
    serde_json::from_value(page).unwrap()
}

async fn refusal(shell: &Shell, folder: &str) -> String {
    dispatch(&shell.engine, "set_articles", json!({"folder": folder})).await.unwrap_err().code
}

fn put(folder: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A shell whose articles are in a folder.
async fn with_folder() -> (tempfile::TempDir, tempfile::TempDir, Shell) {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(folder.path(), "resi.md", "# Resi e rimborsi\n\nIl rimborso dell'importo arriva **entro** dieci giorni.");
    put(folder.path(), "orari/estate.MD", "In agosto siamo chiusi. Vedi i [resi](../resi.md).");
    put(folder.path(), "picture.png", [0, 1, 2]);
    put(folder.path(), ".git/a.md", "# Hidden");
    put(folder.path(), "latin1.md", [b'p', b'e', b'r', b'c', b'h', 0xe9]);
    put(folder.path(), "long.md", "x".repeat((1 << 20) + 1));
    let shell = Shell::open(data.path());
    shell.ask("set_articles", json!({"folder": folder.path()})).await;
    (data, folder, shell)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folders_articles_are_found_by_their_words_and_what_is_none_is_named() {
    let (_data, folder, shell) = with_folder().await;
    let articles = shell.engine.whole().app.articles;
    assert_eq!((articles.count, articles.read, articles.problem), (2, Some(NOW), None));
    assert_eq!(articles.folder.as_deref(), folder.path().to_str());
    let not_read: Vec<_> = articles.not_read.iter().map(|f| (f.file.as_str(), f.why)).collect();
    assert_eq!(not_read, [("latin1.md", NotRead::NotText), ("long.md", NotRead::TooLong)]);
    assert_eq!(articles.not_read_count, 2);

    assert_eq!(titles(&shell, "find_articles", "").await, ["estate", "Resi e rimborsi"]);
    for words in ["import", "RIMBORSO dell’importo", "dieci gior"] {
        assert_eq!(titles(&shell, "find_articles", words).await.len(), 1, "{words}");
    }
    assert_eq!(titles(&shell, "find_articles", "resi importo").await, ["[Resi] e rimborsi"], "all words before some");
    assert_eq!(titles(&shell, "find_articles", "resi nowhere").await.len(), 2, "some words, when none has all");
    assert_eq!(
        titles(&shell, "find_articles", "hidden").await.len() + titles(&shell, "find_articles", "\"* OR").await.len(),
        0
    );
    let found = page(&shell, "orari/estate.MD", "agost", None).await;
    assert_eq!(
        (found.title.as_str(), found.html.as_str()),
        ("estate", "<p>In <mark>agosto</mark> siamo chiusi. Vedi i <a href=\"#/knowledge/resi%2Emd\">resi</a>.</p>\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_in_the_folder_changes_here_and_a_folder_out_of_reach_takes_nothing_away() {
    let (data, folder, shell) = with_folder().await;
    put(folder.path(), "resi.md", "# Resi\n\nSolo con lo scontrino.");
    put(folder.path(), "nuovo.md", "# Nuovo");
    fs::remove_file(folder.path().join("orari/estate.MD")).unwrap();
    shell.ask("read_articles", json!({})).await;
    assert_eq!(titles(&shell, "find_articles", "").await, ["Nuovo", "Resi"]);
    assert_eq!(titles(&shell, "find_articles", "rimborso").await.len(), 0, "the old words are gone");
    assert_eq!(titles(&shell, "find_articles", "scontrino").await.len(), 1);

    // More than are put in one go, and gone again.
    for i in 0..120 {
        put(folder.path(), &format!("many/{i:03}.md"), format!("# Pagina {i}\n\nquaderno"));
    }
    shell.ask("read_articles", json!({})).await;
    assert_eq!(shell.engine.whole().app.articles.count, 122);
    fs::remove_dir_all(folder.path().join("many")).unwrap();
    shell.ask("read_articles", json!({})).await;
    assert_eq!(titles(&shell, "find_articles", "quaderno").await.len(), 0);
    assert_eq!(shell.engine.whole().app.articles.count, 2);

    // A share that is not connected: no folder, or an empty one.
    let away = folder.path().with_extension("away");
    fs::rename(folder.path(), &away).unwrap();
    for (problem, empty) in [("articles.folder", false), ("articles.empty", true)] {
        if empty {
            fs::create_dir(folder.path()).unwrap();
        }
        shell.ask("read_articles", json!({})).await;
        let articles = shell.engine.whole().app.articles;
        assert_eq!((articles.count, articles.problem.map(|p| p.code)), (2, Some(problem.into())));
        assert_eq!(titles(&shell, "find_articles", "scontrino").await.len(), 1, "{problem}");
    }
    // The next day, still without it.
    drop(shell);
    let mut shell = Shell::open(data.path());
    shell.until("a look", |s| s.app.articles.problem.as_ref().map(drop)).await;
    assert_eq!(page(&shell, "resi.md", "", None).await.html, "<p>Solo con lo scontrino.</p>\n");
    fs::remove_dir(folder.path()).unwrap();
    fs::rename(&away, folder.path()).unwrap();
    shell.ask("read_articles", json!({})).await;
    assert_eq!(shell.engine.whole().app.articles.problem, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_none_is_refused_and_the_one_in_use_stays() {
    let (_data, folder, shell) = with_folder().await;
    let empty = tempfile::tempdir().unwrap();
    put(empty.path(), "readme.txt", "none");
    assert_eq!(refusal(&shell, empty.path().to_str().unwrap()).await, "articles.empty");
    assert_eq!(refusal(&shell, folder.path().join("nowhere").to_str().unwrap()).await, "articles.folder");
    assert_eq!(refusal(&shell, folder.path().join("resi.md").to_str().unwrap()).await, "articles.folder");
    assert_eq!(refusal(&shell, "articles").await, "articles.relative");
    assert_eq!(shell.engine.whole().app.articles.count, 2);
    // Links of a page that leads anywhere else than the web are not opened.
    for address in ["file:///etc/passwd", "javascript:x", "smb://a/b", "/bin/sh"] {
        let refused = dispatch(&shell.engine, "open_link", json!({"address": address})).await.unwrap_err();
        assert_eq!(refused.code, "articles.link");
    }
    for address in ["https://example.com/?a=1", "HTTPS://example.com"] {
        shell.ask("open_link", json!({"address": address})).await;
    }
    assert_eq!(*shell.pages.lock().unwrap(), ["https://example.com/?a=1", "HTTPS://example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_call_the_articles_about_it_are_suggested_and_opening_one_is_counted_once() {
    let (_data, _board, mut events, mut shell) = connected().await;
    shell.until("the samples", |s| (s.app.articles.count == 6).then_some(())).await;
    let first = titles(&shell, "suggest_articles", "Payments › Charged twice  he was charged in March and April").await;
    assert_eq!(first.first().map(String::as_str), Some("Charged twice for the same month"));
    let by_note = titles(&shell, "suggest_articles", "message E-214 since the update of yesterday").await;
    assert_eq!(by_note.first().map(String::as_str), Some("Error message E-214 after an update"));
    for nothing in ["", "good morning to you", "wants to speak with somebody else tomorrow"] {
        assert_eq!(titles(&shell, "suggest_articles", nothing).await, Vec::<String>::new(), "{nothing}");
    }
    let call = shell.dial("301").await;
    dialled(&mut events).await;
    let id = "charged-twice.md";
    assert_eq!(page(&shell, id, "", None).await.calls, 0, "read between calls");
    for _ in 0..2 {
        assert_eq!(page(&shell, id, "", Some(&call)).await.calls, 1);
    }
    assert_eq!(page(&shell, id, "", Some("no-call")).await.calls, 1);
    let nowhere = json!({"article": "nowhere.md", "words": "", "call": call});
    assert_eq!(dispatch(&shell.engine, "open_article", nowhere).await.unwrap_err().code, "store.missing");
    // In another language they are other words of the same articles.
    shell.ask("set_preferences", json!({"language": "it", "theme": "system"})).await;
    shell.change("other articles", |c| matches!(c, Change::App(a) if a.articles.count == 6).then_some(())).await;
    let italian = async {
        while titles(&shell, "find_articles", "doppio addebito").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within("the Italian samples", italian).await;
    assert_eq!(page(&shell, id, "", None).await.calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_articles_go_with_the_other_samples() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Shell::open(dir.path());
    shell.until("the samples", |s| (s.app.articles.count == 6).then_some(())).await;
    shell.ask("remove_samples", json!({})).await;
    assert_eq!(shell.engine.whole().app.articles.count, 0);
    assert_eq!(titles(&shell, "find_articles", "").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_articles_nothing_is_in_the_clear_on_the_disk() {
    let (data, folder, shell) = with_folder().await;
    put(folder.path(), "secret.md", "# Codice di sblocco\n\nzanzibarese");
    shell.ask("read_articles", json!({})).await;
    assert_eq!(titles(&shell, "find_articles", "zanzibar").await.len(), 1);
    for file in fs::read_dir(data.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(11).any(|w| w.eq_ignore_ascii_case(b"zanzibarese")));
    }
}
