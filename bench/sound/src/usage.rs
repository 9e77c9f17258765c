//! What process trees cost: CPU time and memory, from `/proc`.

use std::collections::HashMap;
use std::fs;

/// Clock ticks a second in `/proc` (`sysconf(_SC_CLK_TCK)` on every Linux we run on).
const TICKS: f64 = 100.0;

/// Fields of `/proc/PID/stat` from the third on: the second, the name, may hold anything.
fn fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// A process and all below it.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        // None: gone meanwhile.
        let Some(parent) = fields(pid).and_then(|f| f.get(1)?.parse().ok()) else { continue };
        children.entry(parent).or_default().push(pid);
    }
    let mut members = vec![root];
    let mut next = 0;
    while let Some(member) = members.get(next).copied() {
        members.extend(children.get(&member).into_iter().flatten());
        next += 1;
    }
    members
}

/// CPU time of a process tree so far, s (user and system).
pub fn cpu_seconds(root: u32) -> f64 {
    let ticks = |pid| {
        let f = fields(pid)?;
        Some(f.get(11)?.parse::<f64>().ok()? + f.get(12)?.parse::<f64>().ok()?)
    };
    tree(root).into_iter().filter_map(ticks).sum::<f64>() / TICKS
}

/// Proportional set size of a process tree, MB (10^6 bytes): shared pages are counted once, divided among their users.
pub fn pss_megabytes(root: u32) -> f64 {
    let kilobytes = |pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find(|l| l.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    tree(root).into_iter().filter_map(kilobytes).sum::<f64>() * 1024.0 / 1e6
}

/// Ticks all processors were busy so far, and how many there were, idle or not.
pub fn processor_ticks() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<f64> =
        text.lines().next().unwrap_or_default().split_whitespace().skip(1).flat_map(str::parse).collect();
    let all = ticks.iter().take(8).sum::<f64>();
    (all - ticks.get(3).unwrap_or(&0.0) - ticks.get(4).unwrap_or(&0.0), all)
}
