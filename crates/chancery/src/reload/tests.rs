//! Tests of when a part is read, with a part that is a file of one word.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use super::*;

/// A part whose file is good if it says so, and which remembers what it took.
struct Word {
    path: PathBuf,
    in_force: Arc<Mutex<String>>,
    read: Arc<Mutex<u32>>,
}

impl Part for Word {
    fn name(&self) -> &'static str {
        "word"
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    fn reload(&mut self) -> Result<Option<String>, Failure> {
        *self.read.lock().unwrap() += 1;
        let found = fs::read_to_string(&self.path).map_err(Failure::from_error)?;
        let mut in_force = self.in_force.lock().unwrap();
        match found.strip_prefix("good ") {
            None => Err(Failure::configuration("bad")),
            Some(_) if found == *in_force => Ok(None),
            Some(_) => {
                *in_force = found;
                Ok(Some("it".to_owned()))
            }
        }
    }
}

struct Bench {
    reloader: Reloader,
    path: PathBuf,
    in_force: Arc<Mutex<String>>,
    read: Arc<Mutex<u32>>,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let path = folder.join("word");
        fs::write(&path, "good 1").unwrap();
        let (in_force, read) = (Arc::new(Mutex::new("good 1".to_owned())), Arc::default());
        let word = Word {
            path: path.clone(),
            in_force: Arc::clone(&in_force),
            read: Arc::clone(&read),
        };
        let metrics = Arc::new(Metrics::new("1"));
        let mut bench = Self {
            reloader: Reloader::new(vec![Box::new(word)], None, metrics),
            path,
            in_force,
            read,
        };
        bench.look(2);
        bench
    }

    fn look(&mut self, times: u32) {
        (0..times).for_each(|_| self.reloader.look());
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
    }

    #[track_caller]
    fn assert(&self, in_force: &str, read: u32) {
        let found = (
            self.in_force.lock().unwrap().clone(),
            *self.read.lock().unwrap(),
        );
        assert_eq!(found, (in_force.to_owned(), read));
    }
}

#[test]
fn what_is_still_being_written_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    bench.assert("good 1", 1);
    for half in ["good 2", "good 22", "good 222"] {
        bench.write(half);
        bench.look(1);
        bench.assert("good 1", 1);
    }
    bench.look(1);
    bench.assert("good 222", 2);
    bench.look(3);
    bench.assert("good 222", 2);
}

#[test]
fn a_bad_file_is_read_again_only_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    bench.write("bad");
    bench.look(5);
    bench.assert("good 1", 2);
    fs::remove_file(&bench.path).unwrap();
    bench.look(5);
    bench.assert("good 1", 3);
    bench.write("good 2");
    bench.look(5);
    bench.assert("good 2", 4);
}

#[test]
fn a_signal_reads_at_once_and_whatever_the_fingerprint_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    bench.write("good 2");
    bench.reloader.reload();
    bench.assert("good 2", 2);
    bench.reloader.reload();
    bench.assert("good 2", 3);
    bench.look(3);
    bench.assert("good 2", 3);
}

fn replace_with_a_pipe(path: &Path) {
    fs::remove_file(path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// A pipe that nobody writes to would stop all reloading for ever, and the end of the process.
#[test]
fn a_pipe_is_refused_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    replace_with_a_pipe(&bench.path);
    bench.look(3);
    bench.reloader.reload();
    bench.assert("good 1", 1);
    assert!(bench.reloader.parts.iter().all(|watched| watched.refused));
    fs::remove_file(&bench.path).unwrap();
    bench.write("good 2");
    bench.look(2);
    bench.assert("good 2", 2);
}

/// As where a shell gave the output of a command: that was read at the start, and is gone.
#[test]
fn a_pipe_that_was_read_at_the_start_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    replace_with_a_pipe(&bench.path);
    for watched in &mut bench.reloader.parts {
        watched.tried = None;
    }
    bench.look(4);
    bench.assert("good 1", 1);
    assert!(bench.reloader.parts.iter().all(|watched| !watched.refused));
}
