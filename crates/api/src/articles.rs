//! The commands about knowledge articles.

use crate::engine::Engine;
use crate::view::*;
use cuffia_desk::FoundArticle;

impl Engine {
    pub(crate) fn articles(&self) -> ArticlesView {
        let a = self.desk().articles();
        let why = |why| match why {
            cuffia_desk::NotRead::TooLong => NotRead::TooLong,
            cuffia_desk::NotRead::NotText => NotRead::NotText,
            cuffia_desk::NotRead::Refused => NotRead::Refused,
        };
        ArticlesView {
            folder: a.folder,
            count: a.count,
            read: a.read,
            problem: a.problem.map(|e| cuffia_desk::DeskError::from(e).into()),
            not_read_count: u32::try_from(a.not_read_count).unwrap_or(u32::MAX),
            not_read: a.not_read.into_iter().map(|(file, e)| NotReadFile { file, why: why(e) }).collect(),
        }
    }

    pub(crate) async fn find_articles(&self, f: FindArticles) -> Result<Vec<ArticleRow>, ApiError> {
        Ok(self.desk().find_articles(f.text).await?.into_iter().map(row).collect())
    }

    pub(crate) async fn suggest_articles(&self, f: FindArticles) -> Result<Vec<ArticleRow>, ApiError> {
        Ok(self.desk().suggest_articles(f.text).await?.into_iter().map(row).collect())
    }

    pub(crate) async fn open_article(&self, o: OpenArticle) -> Result<ArticlePage, ApiError> {
        let page = self.desk().open_article(o.article, o.words, o.call).await?;
        Ok(ArticlePage { title: page.title, html: page.html, changed: page.changed, calls: page.calls })
    }

    pub(crate) async fn set_articles(&self, s: SetArticles) -> Result<Nothing, ApiError> {
        self.desk().set_articles(s.folder.map(|f| f.trim().to_owned())).await?;
        Ok(Nothing {})
    }

    pub(crate) async fn read_articles(&self, _: Nothing) -> Result<Nothing, ApiError> {
        self.desk().read_articles().await?;
        Ok(Nothing {})
    }

    pub(crate) async fn open_link(&self, l: OpenLink) -> Result<Nothing, ApiError> {
        self.desk().open_link(&l.address)?;
        Ok(Nothing {})
    }
}

fn row(a: FoundArticle) -> ArticleRow {
    let pieces =
        |all: Vec<cuffia_desk::Piece>| all.into_iter().map(|p| Piece { text: p.text, found: p.found }).collect();
    ArticleRow { id: a.id, title: pieces(a.title), excerpt: pieces(a.excerpt) }
}
