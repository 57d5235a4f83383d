// A server of MongoDB's wire protocol whose acknowledged writes outlive SIGKILL: `java MongoServer.java FILE PORT`.

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryCollection;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerException;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Set;

public class MongoServer {
    public static void main(String[] args) throws Exception {
        var server = new de.bwaldvogel.mongo.MongoServer(new JournalledBackend(Path.of(args[0])));
        server.bind("127.0.0.1", Integer.parseInt(args[1]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread.currentThread().join();
    }

    /** Documents live in memory; each command that changes them is in the journal before it is answered. */
    static class JournalledBackend extends MemoryBackend {
        private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findAndModify", "findandmodify",
                "create", "createIndexes", "drop", "dropDatabase", "dropIndexes", "deleteIndexes", "renameCollection");
        private final FileChannel journal;
        /** Commands are in the journal in the order in which they took place. */
        private final Object order = new Object();
        private final Object syncing = new Object();
        private volatile long written;
        private boolean isReplaying = true;
        private long synced;

        JournalledBackend(Path file) throws IOException {
            journal = FileChannel.open(file, READ, WRITE, CREATE);
            replay();
        }

        @Override
        public Document handleMessage(MongoMessage message) {
            Document command = message.getDocument();
            if (!WRITES.contains(command.keySet().iterator().next())) {
                return super.handleMessage(message);
            }
            // Before it runs, which may change it.
            ByteBuffer record = encoded(command);
            long mine;
            Document answer;
            synchronized (order) {
                try {
                    answer = super.handleMessage(message);
                } finally {
                    // Also what failed: it may have been done in part.
                    mine = append(record);
                }
            }
            sync(mine);
            return answer;
        }

        @Override
        public void dropDatabase(String name) {
            super.dropDatabase(name);
            if (listDatabaseNames().isEmpty() && !isReplaying) {
                startAnew();
            }
        }

        /** A condition on `_id` and more finds its document by `_id`, as MongoDB does; the original reads them all. */
        @Override
        public MemoryDatabase openOrCreateDatabase(String name) {
            return new MemoryDatabase(name, getCursorRegistry()) {
                @Override
                protected MemoryCollection openOrCreateCollection(String collection, CollectionOptions options) {
                    return new MemoryCollection(this, collection, options, cursorRegistry) {
                        @Override
                        protected QueryResult queryDocuments(Document query, Document order, int skip, int limit,
                                int batch, Document fields) {
                            if (query.size() > 1 && query.containsKey("_id")) {
                                Document byId = new Document("_id", query.get("_id"));
                                for (Index<Integer> index : getIndexes()) {
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

        private static ByteBuffer encoded(Document command) {
            ByteBuf buffer = Unpooled.buffer();
            BsonEncoder.encodeDocument(command, buffer);
            return buffer.nioBuffer();
        }

        private long append(ByteBuffer record) {
            try {
                while (record.hasRemaining()) {
                    journal.write(record);
                }
                return ++written;
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        /** Commands that wait at the same time are synced together. */
        private void sync(long mine) {
            synchronized (syncing) {
                if (synced < mine) {
                    long upTo = written;
                    try {
                        journal.force(false);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                    synced = upTo;
                }
            }
        }

        private void startAnew() {
            try {
                journal.truncate(0);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        private void replay() throws IOException {
            ByteBuf records = Unpooled.wrappedBuffer(journal.map(FileChannel.MapMode.READ_ONLY, 0, journal.size()));
            var channel = new EmbeddedChannel();
            // The last one may have been cut short.
            while (records.readableBytes() >= 4
                    && records.readableBytes() >= records.getIntLE(records.readerIndex())) {
                Document command = BsonDecoder.decodeBson(records);
                try {
                    handleCommand(channel, (String) command.get("$db"), command.keySet().iterator().next(), command);
                } catch (MongoServerException refused) {
                    // As it was the first time.
                }
            }
            journal.truncate(records.readerIndex());
            journal.position(records.readerIndex());
            isReplaying = false;
        }
    }
}
