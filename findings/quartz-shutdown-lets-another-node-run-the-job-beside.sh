#!/usr/bin/env bash
# Debian 12: Quartz 2.3.2 (libquartz2-java), a cluster of two schedulers with JobStoreTX, H2 2.1.214, Java 17.
#
# Guess: a job with @DisallowConcurrentExecution that runs on when its scheduler is shut down, as shutdown() and
#        shutdown(false) let it, is still one that runs: the other scheduler of the cluster fires it when it has ended.
# Seen:  the other fires it beside the one that runs, seconds after the shutdown. The shutdown stops the check-ins of the
#        scheduler at once. The others then take it for dead and free its jobs, and its own end is no longer stored.
set -euo pipefail
jars=/usr/share/java
for jar in quartz2 h2 HikariCP slf4j-api slf4j-nop; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jdk-headless, libquartz2-java and libh2-java" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import static org.quartz.JobBuilder.newJob;
import static org.quartz.SimpleScheduleBuilder.repeatSecondlyForever;
import static org.quartz.TriggerBuilder.newTrigger;
import java.sql.*;
import java.util.Properties;
import java.util.concurrent.*;
import org.quartz.*;
import org.quartz.impl.*;

public class Finding {
  static final String URL = "jdbc:h2:mem:jobs;DB_CLOSE_DELAY=-1";
  static final BlockingQueue<String> starts = new LinkedBlockingQueue<>();
  static final CountDownLatch end = new CountDownLatch(1);
  static volatile int running;

  @DisallowConcurrentExecution
  public static class Work implements Job {
    public void execute(JobExecutionContext context) throws JobExecutionException {
      try {
        synchronized (Finding.class) { running++; }
        starts.add("job starts on " + context.getScheduler().getSchedulerInstanceId() + ", running: " + running);
        end.await();
      } catch (Exception e) {
        throw new JobExecutionException(e);
      } finally {
        synchronized (Finding.class) { running--; }
      }
    }
  }

  static Scheduler scheduler(String id) throws Exception {
    Properties p = new Properties();
    p.put("org.quartz.scheduler.instanceName", "cluster");
    p.put("org.quartz.scheduler.instanceId", id);
    p.put("org.quartz.threadPool.threadCount", "2");
    p.put("org.quartz.jobStore.class", "org.quartz.impl.jdbcjobstore.JobStoreTX");
    p.put("org.quartz.jobStore.driverDelegateClass", "org.quartz.impl.jdbcjobstore.StdJDBCDelegate");
    p.put("org.quartz.jobStore.isClustered", "true");
    p.put("org.quartz.jobStore.clusterCheckinInterval", "2000");
    p.put("org.quartz.jobStore.dataSource", id);
    String source = "org.quartz.dataSource." + id + ".";
    p.put(source + "provider", "hikaricp");
    p.put(source + "driver", "org.h2.Driver");
    p.put(source + "URL", URL);
    p.put(source + "user", "sa");
    p.put(source + "password", "");
    SchedulerRepository.getInstance().remove("cluster"); // else the factory gives the first one again
    return new StdSchedulerFactory(p).getScheduler();
  }

  public static void main(String[] args) throws Exception {
    try (Connection c = DriverManager.getConnection(URL, "sa", ""); Statement s = c.createStatement()) {
      String tables = new String(Job.class.getResourceAsStream("impl/jdbcjobstore/tables_h2.sql").readAllBytes());
      for (String statement : tables.replaceAll("(?m)^\\s*--.*$", "").split(";"))
        if (!statement.isBlank()) s.execute(statement);
    }
    Scheduler one = scheduler("one");
    one.start();
    one.scheduleJob(newJob(Work.class).withIdentity("job").build(),
        newTrigger().withIdentity("trigger").withSchedule(repeatSecondlyForever()).build());
    System.out.println(starts.poll(30, TimeUnit.SECONDS));
    Scheduler two = scheduler("two");
    two.start();
    System.out.println("15 s with two schedulers: " + starts.poll(15, TimeUnit.SECONDS));
    one.shutdown();
    System.out.println("after the shutdown of one: " + starts.poll(50, TimeUnit.SECONDS));
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" quartz2 h2 HikariCP slf4j-api slf4j-nop).
javac -J-Xmx256m -J-XX:TieredStopAtLevel=1 -cp "$path" Finding.java
timeout 110 java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$path" Finding | tee seen
diff seen - <<'END'
job starts on one, running: 1
15 s with two schedulers: null
after the shutdown of one: job starts on two, running: 2
END
echo "as found: Quartz 2.3.2"
