#!/usr/bin/env bash
# Debian 12: Apache Commons DBCP 2.9.0 (libcommons-dbcp2-java), H2 2.1.214 and Derby 10.14.2.0, Java 17.
#
# Guess: with removeAbandonedOnBorrow a connection that was not returned in time is closed when the pool gives its place to the next: its
#        transaction is rolled back, its locks are free, and the first holder's next statement fails.
# Seen:  so it is with Derby. With H2 the first holder keeps its row lock, goes on and commits while the next one is refused the row, and the
#        pool of one has two connections at work. DBCP ends an abandoned connection with Connection.abort, in place of close as before
#        2.9, and that of H2 does nothing, without an error.
set -euo pipefail
jars=/usr/share/java
for jar in commons-dbcp2 commons-pool2 commons-logging h2 derby; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jdk-headless, libcommons-dbcp2-java, libh2-java and libderby-java" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import java.sql.*;
import org.apache.commons.dbcp2.BasicDataSource;

public class Finding {
  static String run(Connection c, String statement) {
    try (Statement s = c.createStatement()) {
      s.execute(statement);
      return "done";
    } catch (SQLTransactionRollbackException | SQLTimeoutException e) {
      return "waits in vain";
    } catch (SQLException e) {
      return "fails";
    }
  }

  static String take(Connection c, String who) { return run(c, "update job set owner = '" + who + "' where id = 1"); }

  static String commit(Connection c) {
    try {
      c.commit();
      return "done";
    } catch (SQLException e) {
      return "fails";
    }
  }

  static void show(String name, String url) throws Exception {
    System.out.println(name);
    Connection admin = DriverManager.getConnection(url, "sa", "");
    run(admin, "create table job (id int primary key, owner varchar(20))");
    run(admin, "insert into job values (1, 'nobody')");
    BasicDataSource pool = new BasicDataSource();
    pool.setUrl(url);
    pool.setUsername("sa");
    pool.setPassword("");
    pool.setMaxTotal(1);
    pool.setMaxWaitMillis(20_000);
    pool.setRemoveAbandonedOnBorrow(true);
    pool.setRemoveAbandonedTimeout(2); // seconds
    Connection first = pool.getConnection();
    first.setAutoCommit(false);
    System.out.println("  first takes the row: " + take(first, "first"));
    Thread.sleep(5000);
    Connection next = pool.getConnection();
    System.out.println("  next has the connection of a pool of " + pool.getMaxTotal() + ", in use: " + pool.getNumActive());
    System.out.println("  next takes the row: " + take(next, "next"));
    System.out.println("  first goes on: " + take(first, "first again") + ", commit: " + commit(first));
    try (Statement s = admin.createStatement(); ResultSet r = s.executeQuery("select owner from job")) {
      r.next();
      System.out.println("  owner: " + r.getString(1));
    }
    admin.abort(Runnable::run);
    System.out.println("  a connection is closed by abort: " + admin.isClosed());
  }

  public static void main(String[] args) throws Exception {
    show("Derby", "jdbc:derby:memory:jobs;create=true");
    show("H2", "jdbc:h2:mem:jobs;DB_CLOSE_DELAY=-1;LOCK_TIMEOUT=2000");
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" commons-dbcp2 commons-pool2 commons-logging h2 derby).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 80 java -Xmx256m -cp "$path" Finding | tee seen
diff seen - <<'END'
Derby
  first takes the row: done
  next has the connection of a pool of 1, in use: 1
  next takes the row: done
  first goes on: fails, commit: fails
  owner: next
  a connection is closed by abort: true
H2
  first takes the row: done
  next has the connection of a pool of 1, in use: 1
  next takes the row: waits in vain
  first goes on: done, commit: done
  owner: first again
  a connection is closed by abort: false
END
echo "as found: Commons DBCP 2.9.0, H2 2.1.214"
