//! Static files beside the service: enough for an example's page. For more, mount the server into a web framework.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

/// A folder whose files are served.
#[derive(Debug)]
pub(crate) struct Files(PathBuf);

/// One file, read whole.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Files {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The file at a path of a URL; `index.html` stands for a folder.
    pub(crate) async fn read(&self, path: &str) -> Option<File> {
        let relative = Path::new(path.strip_prefix('/')?);
        // Nothing above the folder, and nothing hidden.
        let plain = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
        if !relative.components().all(plain) || path.contains(['%', '\\']) {
            return None;
        }
        let mut file = self.0.join(relative);
        if tokio::fs::metadata(&file).await.ok()?.is_dir() {
            file.push("index.html");
        }
        let body = tokio::fs::read(&file).await.ok()?;
        Some(File { content_type: content_type(&file), body: body.into() })
    }
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
