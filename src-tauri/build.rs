//! Declares the one command, so that only windows with the permission may call it.

fn main() {
    let manifest = tauri_build::AppManifest::new().commands(&["rpc", "follow"]);
    if let Err(e) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        eprintln!("{e:#}");
        std::process::exit(1);
    }
}
