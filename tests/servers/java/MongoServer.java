// A server of MongoDB's wire protocol whose acknowledged writes outlive SIGKILL: `java MongoServer.java FILE PORT`.

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVStore;

public class MongoServer {
    public static void main(String[] args) throws Exception {
        // Nothing is saved behind our back: a document without its index entry must never reach the file.
        MVStore store = new MVStore.Builder().fileName(args[0]).autoCommitDisabled().autoCommitBufferSize(0).open();
        store.setRetentionTime(0);
        var server = new de.bwaldvogel.mongo.MongoServer(new SavingBackend(store));
        server.bind("127.0.0.1", Integer.parseInt(args[1]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread.currentThread().join();
    }

    /** Answers a write only when it is in the file; writes that wait at the same time are saved together. */
    static class SavingBackend extends H2Backend {
        private final ReadWriteLock lock = new ReentrantReadWriteLock(true);
        private final AtomicLong done = new AtomicLong();
        private long saved;
        private long tidied;

        SavingBackend(MVStore store) {
            super(store);
        }

        /** A condition on `_id` and more finds its document by `_id`, as MongoDB does; the original reads them all. */
        @Override
        protected MongoDatabase openOrCreateDatabase(String name) {
            MVStore store = getMvStore();
            return new H2Database(name, store, getCursorRegistry()) {
                @Override
                protected MongoCollection<Object> openOrCreateCollection(String collection, CollectionOptions options) {
                    String full = name + "." + collection;
                    return new H2Collection(this, collection, options, store.openMap("databases." + full),
                            store.openMap("meta." + full), cursorRegistry) {
                        @Override
                        protected QueryResult queryDocuments(Document query, Document order, int skip, int limit,
                                int batch, Document fields) {
                            if (query.size() > 1 && query.containsKey("_id")) {
                                Document byId = new Document("_id", query.get("_id"));
                                for (Index<Object> index : getIndexes()) {
                                    if (index.canHandle(byId)) {
                                        return matchDocuments(
                                                query, index.getPositions(byId), order, skip, limit, batch, fields);
                                    }
                                }
                            }
                            return super.queryDocuments(query, order, skip, limit, batch, fields);
                        }
                    };
                }
            };
        }

        @Override
        public Document handleMessage(MongoMessage message) {
            lock.readLock().lock();
            Document answer;
            try {
                answer = super.handleMessage(message);
            } finally {
                lock.readLock().unlock();
            }
            if (getMvStore().hasUnsavedChanges()) {
                save(done.incrementAndGet());
            }
            return answer;
        }

        private void save(long mine) {
            lock.writeLock().lock();
            try {
                if (saved < mine) {
                    saved = done.get();
                    commit();
                    if (saved - tidied > 1000) {
                        tidied = saved;
                        // Each save copies the changed pages; the room of the old ones is used again.
                        getMvStore().compact(50, 8 << 20);
                    }
                }
            } finally {
                lock.writeLock().unlock();
            }
        }
    }
}
