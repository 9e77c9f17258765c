//! Knowledge articles.

use super::ApiError;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// The knowledge articles as they stand.
    struct ArticlesView {
        /// The folder they are read from; none as long as there are samples.
        folder: Option<String>,
        /// How many there are.
        count: u32,
        /// When the folder was last read.
        read: Option<i64>,
        /// Why it could not be read the last time; what was read before is still there.
        problem: Option<ApiError>,
        /// Files and folders in it that are not read: the first of them.
        not_read: Vec<NotReadFile>,
        /// How many those are.
        not_read_count: u32,
    }

    /// A file that is no article.
    struct NotReadFile {
        /// Its path from the folder.
        file: String,
        /// Why.
        why: NotRead,
    }

    /// Why a file is no article.
    enum NotRead { /** It is longer than 1 MiB. */ TooLong, /** It is no text in UTF-8. */ NotText, /** The system does not give it. */ Refused, }

    /// A piece of text.
    struct Piece {
        /// The text.
        text: String,
        /// It is what was looked for.
        found: bool,
    }

    /// An article in a list.
    struct ArticleRow {
        /// Its id.
        id: String,
        /// Its title.
        title: Vec<Piece>,
        /// Some words of it, around what was found.
        excerpt: Vec<Piece>,
    }

    /// An article to be read.
    struct ArticlePage {
        /// Its title.
        title: String,
        /// Its text as HTML of known parts only; what was looked for is in `mark`, links lead to the web, to a mail, to a call or to
        /// another article.
        html: String,
        /// When it was last changed.
        changed: i64,
        /// In how many calls it was opened.
        calls: u32,
    }

    /// Looks for articles.
    struct FindArticles {
        /// Words, each of which may be only begun; without one all are listed.
        text: String,
    }

    /// Which article.
    struct OpenArticle {
        /// Its id.
        article: String,
        /// What is to be marked in it.
        words: String,
        /// The call in which it is opened.
        call: Option<String>,
    }

    /// Where the articles are.
    struct SetArticles {
        /// A folder of this computer, from its beginning; none for the samples.
        folder: Option<String>,
    }

    /// A link of an article.
    struct OpenLink {
        /// To the web or to a mail.
        address: String,
    }
}
