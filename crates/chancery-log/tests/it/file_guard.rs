//! The file guard does what every guard does.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chancery_log::Guard;
use chancery_log::guard::FileGuard;
use chancery_log::guard::conformance::{TestBed, check};
use chancery_tlog::TreeHead;

/// A folder with a file for each guard, named after its id.
struct Folder {
    folder: tempfile::TempDir,
    locked: Mutex<Vec<File>>,
}

impl Folder {
    fn path(&self, id: &str) -> PathBuf {
        self.folder.path().join(id)
    }

    /// Gives a new guard's file its name, and opens it there: a guard refuses a file that was moved.
    fn named(&self, guard: &FileGuard) -> Arc<dyn Guard> {
        let path = self.path(guard.id());
        fs::rename(self.path("new"), &path).unwrap();
        Arc::new(FileGuard::open(&path).unwrap())
    }
}

#[async_trait]
impl TestBed for Folder {
    async fn create(&self) -> Arc<dyn Guard> {
        let guard = FileGuard::create(&self.path("new")).unwrap();
        self.named(&guard)
    }

    async fn create_at(&self, head: &TreeHead) -> Arc<dyn Guard> {
        let guard = FileGuard::create_at(&self.path("new"), head).unwrap();
        self.named(&guard)
    }

    async fn open(&self, id: &str) -> Result<Arc<dyn Guard>, String> {
        match FileGuard::open(&self.path(id)) {
            Ok(guard) => Ok(Arc::new(guard)),
            Err(e) => Err(e.to_string()),
        }
    }

    async fn damage(&self, id: &str) {
        fs::write(self.path(id), vec![b'x'; 8192]).unwrap();
    }

    /// Another process moves them all, and hangs meanwhile.
    async fn take_away(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let file = File::open(entry.unwrap().path()).unwrap();
            file.lock().unwrap();
            self.locked.lock().unwrap().push(file);
        }
    }

    async fn bring_back(&self) {
        self.locked.lock().unwrap().clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_a_guard() {
    check(&Folder {
        folder: tempfile::tempdir().unwrap(),
        locked: Mutex::default(),
    })
    .await;
}
