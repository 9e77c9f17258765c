//! Articles are written in Markdown. What the page is given to show is made here, and of known parts only: nothing that an article says is
//! taken for the page's own language.

use cuffia_customers::Words;
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html};

/// Front matter ends within so many lines, or it is none.
const MOST_FRONT: usize = 60;
/// Letters of an excerpt before what was found in it, and in all.
const BEFORE: usize = 60;
const EXCERPT: usize = 180;

/// A piece of text, and whether it is what was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// It was looked for.
    pub found: bool,
}

/// Markdown without the lines of another language that some editors put before it.
fn body(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches('\u{feff}');
    let Some(after) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else { return ("", text) };
    let mut at = 0;
    for line in after.split_inclusive('\n').take(MOST_FRONT) {
        if line.trim_end() == "---" {
            return (&after[..at], &after[at + line.len()..]);
        }
        at += line.len();
    }
    ("", text)
}

/// What is written, piece by piece. HTML comes as a whole, without comments and as text; a line's end in it is one.
fn events(text: &str) -> Vec<Event<'_>> {
    let mut all: Vec<Event<'_>> = Vec::new();
    for event in TextMergeStream::new(Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)) {
        match (all.last_mut(), event) {
            // A block of it comes line by line.
            (Some(Event::Html(before)), Event::Html(more)) => *before = format!("{before}{more}").into(),
            (_, event) => all.push(event),
        }
    }
    all.retain_mut(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => {
            let seen = without_comments(html);
            *event = if is_break(&seen) { Event::HardBreak } else { Event::Text(seen.into()) };
            !matches!(event, Event::Text(seen) if seen.trim().is_empty())
        }
        _ => true,
    });
    // Of a block that was a comment nothing is left.
    let mut kept: Vec<Event<'_>> = Vec::with_capacity(all.len());
    for event in all {
        if event == Event::End(TagEnd::HtmlBlock) && kept.last() == Some(&Event::Start(Tag::HtmlBlock)) {
            kept.pop();
        } else {
            kept.push(event);
        }
    }
    kept
}

fn without_comments(html: &str) -> String {
    let (mut seen, mut rest) = (String::new(), html);
    while let Some((before, comment)) = rest.split_once("<!--") {
        seen.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    seen + rest
}

/// The title: what the front matter or the first heading of the first level says, if there is one.
pub(crate) fn title(text: &str) -> Option<String> {
    let (front, body) = body(text);
    let named = front.lines().find_map(|line| line.strip_prefix("title:")).map(|t| t.trim().trim_matches(['"', '\'']));
    if let Some(title) = named.filter(|t| !t.is_empty()) {
        return Some(title.to_owned());
    }
    let all = events(body);
    let first = all.iter().position(|e| matches!(e, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })))?;
    Some(heading(&all[first..])).filter(|t| !t.is_empty())
}

/// The words of the heading that begins here.
fn heading(events: &[Event<'_>]) -> String {
    let mut words = String::new();
    for event in events.iter().take_while(|e| !matches!(e, Event::End(TagEnd::Heading(_)))) {
        match event {
            Event::Text(t) | Event::Code(t) => words.push_str(t),
            Event::SoftBreak => words.push(' '),
            _ => {}
        }
    }
    words.trim().to_owned()
}

/// The text without marks, in lines.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for event in events(body(text).1) {
        match event {
            Event::Text(t) | Event::Code(t) => out.push_str(&t),
            Event::SoftBreak | Event::End(TagEnd::TableCell) => out.push(' '),
            Event::End(end) if !is_inline(end) && !out.ends_with('\n') => out.push('\n'),
            Event::HardBreak | Event::Rule => out.push('\n'),
            _ => {}
        }
    }
    out
}

fn is_inline(end: TagEnd) -> bool {
    matches!(end, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
}

fn is_break(html: &str) -> bool {
    matches!(html.trim(), "<br>" | "<br/>" | "<br />")
}

/// The text in pieces.
pub(crate) fn pieces(text: &str, words: &Words) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut end = 0;
    let piece = |text: &str, found| Piece { text: text.to_owned(), found };
    for hit in words.hits(text) {
        if hit.start > end {
            pieces.push(piece(&text[end..hit.start], false));
        }
        pieces.push(piece(&text[hit.clone()], true));
        end = hit.end;
    }
    if end < text.len() {
        pieces.push(piece(&text[end..], false));
    }
    pieces
}

/// Some words of an article around the first that was found, else its beginning; its title is left out.
pub(crate) fn excerpt(plain: &str, title: &str, words: &Words) -> Vec<Piece> {
    let text: String =
        plain.trim_start().strip_prefix(title).unwrap_or(plain).split_whitespace().collect::<Vec<_>>().join(" ");
    let first = words.hits(&text).next().map_or(0, |hit| hit.start);
    let before = text[..first].char_indices().rev().nth(BEFORE).map_or(0, |(at, _)| at);
    // At a word's beginning.
    let from = if before == 0 { 0 } else { text[before..first].find(' ').map_or(first, |space| before + space + 1) };
    let shown: String = text[from..].chars().take(EXCERPT).collect();
    let cut = from + shown.len() < text.len();
    let shown = if cut { shown.rsplit_once(' ').map_or(shown.as_str(), |(whole, _)| whole) } else { &shown };
    let whole = format!("{}{shown}{}", if from > 0 { "… " } else { "" }, if cut { " …" } else { "" });
    pieces(&whole, words)
}

/// Where a link of an article leads.
fn target(link: &str, id: &str) -> Option<String> {
    let scheme = link.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("https" | "http" | "mailto" | "tel" | "sip" | "sips") => return Some(link.to_owned()),
        Some(scheme) if !scheme.contains(['/', '.', '#', '?']) => return None,
        _ => {}
    }
    // Another article, from where this one lies.
    let path = link.split(['#', '?']).next().unwrap_or_default();
    let is_article = path.rsplit_once('.').is_some_and(|(_, end)| super::folder::is_markdown(end));
    if !is_article {
        return None;
    }
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { id.split('/').collect() };
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let id = percent_encoding::utf8_percent_encode(&parts.join("/"), percent_encoding::NON_ALPHANUMERIC).to_string();
    Some(format!("#/knowledge/{id}"))
}

fn ours(html: &'static str) -> Event<'static> {
    Event::InlineHtml(CowStr::Borrowed(html))
}

/// An article as HTML, with what was looked for in `<mark>`. Its title is left out, headings follow each other level by level, pictures are named, HTML
/// stands as it was written, and links lead to the web, to a mail, to a call, or to another article.
pub(crate) fn html(markdown: &str, title: &str, id: &str, words: &Words) -> String {
    let mut out = Vec::new();
    // The headings that one is under, by what they are written as.
    let mut above: Vec<HeadingLevel> = Vec::new();
    // Links that are shown, and those of which only the words are.
    let mut links = Vec::new();
    let all = events(body(markdown).1);
    let is_title = matches!(all.first(), Some(Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })))
        && heading(&all) == title;
    let past_title = all.iter().position(|e| is_title && matches!(e, Event::End(TagEnd::Heading(_))));
    for event in all.into_iter().skip(past_title.map_or(0, |end| end + 1)) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                above.retain(|a| *a < level);
                above.push(level);
                out.push(Event::Start(Tag::Heading {
                    level: below_title(&above),
                    id: None,
                    classes: vec![],
                    attrs: vec![],
                }));
            }
            Event::End(TagEnd::Heading(_)) => out.push(Event::End(TagEnd::Heading(below_title(&above)))),
            Event::Text(text) => out.extend(marked(&text, words)),
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                // A mail address alone is written without its scheme.
                let mail = link_type == LinkType::Email && !dest_url.starts_with("mailto:");
                let link = if mail { format!("mailto:{dest_url}") } else { dest_url.to_string() };
                let shown = target(&link, id);
                links.push(shown.is_some());
                out.extend(shown.map(|dest| {
                    let (title, id) = (CowStr::Borrowed(""), CowStr::Borrowed(""));
                    Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url: dest.into(), title, id })
                }));
            }
            Event::End(TagEnd::Link) => {
                if links.pop() == Some(true) {
                    out.push(Event::End(TagEnd::Link));
                }
            }
            Event::Start(Tag::Image { .. }) => out.push(ours("<span class=\"picture\">")),
            Event::End(TagEnd::Image) => out.push(ours("</span>")),
            Event::Start(Tag::CodeBlock(_)) => out.push(ours("<pre>")),
            Event::End(TagEnd::CodeBlock) => out.push(ours("</pre>")),
            Event::Start(Tag::HtmlBlock) => out.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => out.push(Event::End(TagEnd::Paragraph)),
            other => out.push(other),
        }
    }
    let mut html = String::new();
    html::push_html(&mut html, out.into_iter());
    html
}

/// The level of a heading that is under so many, itself among them; the page's own title is above them all.
fn below_title(headings: &[HeadingLevel]) -> HeadingLevel {
    HeadingLevel::try_from(headings.len() + 1).unwrap_or(HeadingLevel::H6)
}

fn marked(text: &str, words: &Words) -> Vec<Event<'static>> {
    let mut out = Vec::new();
    for piece in pieces(text, words) {
        let text = Event::Text(piece.text.into());
        if piece.found { out.extend([ours("<mark>"), text, ours("</mark>")]) } else { out.push(text) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(markdown: &str, words: &str) -> String {
        html(markdown, title(markdown).as_deref().unwrap_or(""), "billing/a.md", &Words::of(words))
    }

    /// Whether there is nothing in it but what an article may be made of.
    fn is_known(html: &str) -> Result<(), String> {
        let known = [
            "p",
            "mark",
            "pre",
            "code",
            "em",
            "strong",
            "del",
            "ul",
            "ol",
            "li",
            "blockquote",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "br /",
            "hr /",
            "span",
            "span class=\"picture\"",
        ];
        let of_table = |tag: &str| {
            let style = tag.strip_prefix("th ").or_else(|| tag.strip_prefix("td "));
            style.is_some_and(|s| {
                ["left", "center", "right"].iter().any(|to| s == format!("style=\"text-align: {to}\""))
            })
        };
        let of_list = |tag: &str| {
            let start = tag.strip_prefix("ol start=\"").and_then(|rest| rest.strip_suffix('"'));
            start.is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
        };
        let of_link = |tag: &str| {
            let to = tag.strip_prefix("a href=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or("\"");
            let scheme = ["https:", "http:", "mailto:", "tel:", "sip:", "sips:", "#/knowledge/"];
            !to.contains('"') && scheme.iter().any(|s| to.to_ascii_lowercase().starts_with(s))
        };
        for tag in html.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or_default();
            let end = tag.strip_prefix('/').is_some_and(|tag| known.contains(&tag) || tag == "a");
            if !(end || known.contains(&tag) || of_table(tag) || of_list(tag) || of_link(tag)) {
                return Err(format!("<{tag}>"));
            }
        }
        Ok(())
    }

    #[test]
    fn what_an_article_says_is_never_taken_for_the_pages_own_language() {
        for nasty in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1)) <javascript:alert(1)>",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html,hi) [y](vbscript:x) [z](file:///etc/passwd)",
            "![<b onmouseover=x>](https://a.example/\"onload=\"x)",
            "[x](https://a.example/\"onmouseover=\"alert(1) \"t\\\" onclick=x\")",
            "```\"><script>\n</pre><script>alert(1)</script>\n```",
            "# <script>t</script>\n\n<iframe src=//a>",
            "| <svg/onload=x> |\n|:-:|\n| `</td><script>` |",
            "<!-- --><b>x</b>",
        ] {
            let html = shown(nasty, "script alert");
            assert_eq!(is_known(&html), Ok(()), "{nasty:?} became {html:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nor_is_anything_else_that_somebody_may_write(
            text in "([<>\"'&`*_~|#\\[\\]()!:\\\\ \n\t-]|a |script|<b|href=|https://a|javascript:|data:|x\\.md|é|# |- |1\\. |> |---\n){0,60}",
            words in "[a-z]{0,6}",
        ) {
            let html = shown(&text, &words);
            proptest::prop_assert_eq!(is_known(&html), Ok(()), "{:?} became {:?}", text, html);
            let _ = excerpt(&plain(&text), "a", &Words::of(&words));
        }
    }

    #[test]
    fn what_was_looked_for_is_marked_whatever_its_accents_and_nothing_else_is() {
        let html =
            shown("# Resi\n\nLa *città* dell'importo, «IMPORTO» e `importi`.\n\n- perché", "citta import perche'");
        assert_eq!(
            html,
            "<p>La <em><mark>città</mark></em> dell'<mark>importo</mark>, «<mark>IMPORTO</mark>» e <code>importi</code>.</p>\n\
             <ul>\n<li><mark>perché</mark></li>\n</ul>\n"
        );
        assert_eq!(shown("Кузнецов, Кузня", "kuznecov"), "<p><mark>Кузнецов</mark>, Кузня</p>\n");
        assert_eq!(shown("nothing", ""), "<p>nothing</p>\n");
    }

    #[test]
    fn a_comment_is_not_shown_nor_found_and_what_stands_beside_it_is() {
        let text =
            "<!--\ninternal: margin\n-->\n\nOne <!-- two\nthree --> four\n\n<!-- x --> five <b>six</b>\n\n<!-- no end";
        assert_eq!(shown(text, ""), "<p>One  four</p>\n<p> five &lt;b&gt;six&lt;/b&gt;\n</p>\n");
        assert_eq!(plain(text).split_whitespace().collect::<Vec<_>>(), ["One", "four", "five", "<b>six</b>"]);
    }

    #[test]
    fn a_heading_is_left_out_only_when_it_is_the_whole_title() {
        assert_eq!(shown("# The *real* one\n\nx", ""), "<p>x</p>\n");
        let more = "---\ntitle: Returns\n---\n# Returns *and refunds*\n\nx";
        assert_eq!(shown(more, ""), "<h2>Returns <em>and refunds</em></h2>\n<p>x</p>\n");
    }

    #[test]
    fn links_lead_to_the_web_to_a_call_and_to_other_articles_and_nowhere_else() {
        let link = |to: &str| shown(&format!("[x]({to})"), "");
        assert_eq!(link("https://example.com/?a=1&b"), "<p><a href=\"https://example.com/?a=1&amp;b\">x</a></p>\n");
        assert_eq!(link("tel:+390115550147"), "<p><a href=\"tel:+390115550147\">x</a></p>\n");
        assert_eq!(link("returns.md#how"), "<p><a href=\"#/knowledge/billing%2Freturns%2Emd\">x</a></p>\n");
        assert_eq!(link("../two%20words.md"), "<p><a href=\"#/knowledge/two%20words%2Emd\">x</a></p>\n");
        assert_eq!(link("/a/b.markdown"), "<p><a href=\"#/knowledge/a%2Fb%2Emarkdown\">x</a></p>\n");
        for nowhere in ["../../out.md", "picture.png", "#there", "ftp://a", "x:y.md"] {
            assert_eq!(link(nowhere), "<p>x</p>\n", "{nowhere}");
        }
        assert_eq!(
            shown("<anna@example.com>", ""),
            "<p><a href=\"mailto:anna@example.com\">anna@example.com</a></p>\n"
        );
    }

    #[test]
    fn the_title_is_the_front_matters_or_the_first_headings() {
        assert_eq!(title("---\ntitle: \"Returns, how\"\ntags: x\n---\n# Other"), Some("Returns, how".into()));
        assert_eq!(title("\u{feff}intro\n\n## Two\n\n# The *real* `one`\n\n# Next"), Some("The real one".into()));
        assert_eq!((title("## Two"), title(""), title("---\nno end")), (None, None, None));
        assert_eq!(
            shown("---\ntitle: T\n---\n# T\n\n### A\n\n###### B\n\n## C\n\n### D\n\n# T", ""),
            "<h2>A</h2>\n<h3>B</h3>\n<h2>C</h2>\n<h3>D</h3>\n<h2>T</h2>\n"
        );
    }

    #[test]
    fn an_excerpt_shows_what_was_found_where_it_stands() {
        let excerpt = |text: &str, title: &str, words: &Words| excerpt(&plain(text), title, words);
        let text = format!("# Title\n\n{} the **invoice** total {}", "word ".repeat(40), "tail ".repeat(60));
        let pieces = excerpt(&text, "Title", &Words::of("invoice"));
        let all: String = pieces.iter().map(|p| p.text.as_str()).collect();
        assert!(all.starts_with("… word ") && all.ends_with(" tail …") && all.chars().count() < 200, "{all}");
        assert_eq!(pieces.iter().filter(|p| p.found).map(|p| p.text.as_str()).collect::<Vec<_>>(), ["invoice"]);
        let begin: String = excerpt(&text, "Title", &Words::of("nowhere")).into_iter().map(|p| p.text).collect();
        assert!(begin.starts_with("word word"), "{begin}");
        assert_eq!(excerpt("# Title", "Title", &Words::of("x")), []);
        assert_eq!(plain("| a | b |\n|---|---|\n| c | d |\n\nx<br>y <!-- no -->"), "a b \nc d \nx\ny \n");
    }
}
