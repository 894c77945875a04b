import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** Java's JSSE as a peer of the interop tests, TLS 1.2 only. README.md beside this folder has the protocol. */
public final class Peer {
  private static final char[] NO_PASSWORD = new char[0];

  public static void main(String[] arguments) throws Exception {
    // Later releases turn suites off that TLS 1.2 still has: RSA key exchange, and what signs with SHA-1.
    Security.setProperty("jdk.tls.disabledAlgorithms", "SSLv3, TLSv1, TLSv1.1, NULL, anon");
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] fields = line.split(" ");
      Map<String, String> options = new HashMap<>();
      for (String field : Arrays.asList(fields).subList(2, fields.length)) {
        String[] pair = field.split("=", 2);
        options.put(pair[0], pair[1]);
      }
      if (fields[1].equals("connect")) connect(fields[0], options);
      else listen(fields[0], options);
    }
    System.exit(0);
  }

  /** Prints one line of JSON; `members` stand as they are. */
  private static synchronized void report(String id, String members) {
    System.out.println("{\"id\":\"" + id + "\"," + members + "}");
  }

  private static String failure(Exception error) {
    return "\"error\":" + quoted(String.valueOf(error));
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }

  /** Visits a server that echoes, twice, with one memory of sessions. */
  private static void connect(String id, Map<String, String> options) {
    try {
      SSLContext context = contextOf(options);
      List<String> visits = new ArrayList<>();
      while (visits.size() < 2) visits.add("{" + visit(context, options) + "}");
      report(id, "\"visits\":[" + String.join(",", visits) + "]");
    } catch (Exception error) {
      report(id, failure(error));
    }
  }

  private static String visit(SSLContext context, Map<String, String> options) throws IOException {
    long start = System.currentTimeMillis();
    int port = Integer.parseInt(options.get("port"));
    // By name and number, so that the session is found again.
    InetAddress address = InetAddress.getByAddress("localhost", new byte[] {127, 0, 0, 1});
    try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket()) {
      socket.connect(new InetSocketAddress(address, port), 5000);
      socket.setSoTimeout(15_000);
      configure(socket, options);
      var parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      byte[] text = "there and back again\n".getBytes(StandardCharsets.US_ASCII);
      socket.getOutputStream().write(text);
      if (!Arrays.equals(socket.getInputStream().readNBytes(text.length), text))
        throw new IOException("what came back is not what was sent");
      return describe(socket, start);
    }
  }

  /** Starts a server that echoes. It reports its port, and then every handshake. */
  private static void listen(String id, Map<String, String> options) {
    try {
      SSLContext context = contextOf(options);
      var server = (SSLServerSocket) context.getServerSocketFactory()
          .createServerSocket(0, 50, InetAddress.getLoopbackAddress());
      report(id, "\"port\":" + server.getLocalPort());
      background(() -> {
        for (;;) {
          SSLSocket socket = (SSLSocket) server.accept();
          background(() -> serve(id, socket, options));
        }
      });
    } catch (Exception error) {
      report(id, failure(error));
    }
  }

  private static void serve(String id, SSLSocket socket, Map<String, String> options) {
    long start = System.currentTimeMillis();
    try (socket) {
      configure(socket, options);
      String auth = options.getOrDefault("auth", "none");
      if (auth.equals("require")) socket.setNeedClientAuth(true);
      if (auth.equals("request")) socket.setWantClientAuth(true);
      socket.startHandshake();
      report(id, describe(socket, start));
      socket.getInputStream().transferTo(socket.getOutputStream());
    } catch (Exception error) {
      report(id, failure(error));
    }
  }

  private interface Task {
    void run() throws Exception;
  }

  private static void background(Task task) {
    Thread thread = new Thread(() -> {
      try {
        task.run();
      } catch (Exception error) {
        error.printStackTrace();
      }
    });
    thread.setDaemon(true);
    thread.start();
  }

  private static void configure(SSLSocket socket, Map<String, String> options) {
    socket.setEnabledProtocols(new String[] {"TLSv1.2"});
    if (options.containsKey("suites")) socket.setEnabledCipherSuites(options.get("suites").split(","));
    if (options.containsKey("alpn")) {
      var parameters = socket.getSSLParameters();
      parameters.setApplicationProtocols(options.get("alpn").split(","));
      socket.setSSLParameters(parameters);
    }
  }

  private static String describe(SSLSocket socket, long start) {
    SSLSession session = socket.getSession();
    String peer = "";
    try {
      String name = ((X509Certificate) session.getPeerCertificates()[0]).getSubjectX500Principal().getName();
      peer = name.replaceFirst("^CN=", "");
    } catch (SSLPeerUnverifiedException nobody) {
      // A client without a certificate.
    }
    String alpn = socket.getApplicationProtocol();
    return "\"suite\":" + quoted(session.getCipherSuite())
        // JSSE does not say so: a session that is older than the connection is one resumed.
        + ",\"resumed\":" + (session.getCreationTime() < start)
        + ",\"alpn\":" + quoted(alpn == null ? "" : alpn)
        + ",\"peer\":" + quoted(peer);
  }

  private static SSLContext contextOf(Map<String, String> options) throws Exception {
    // Read by every context when it is made.
    String tickets = String.valueOf(options.getOrDefault("tickets", "no").equals("yes"));
    System.setProperty("jdk.tls.client.enableSessionTicketExtension", tickets);
    System.setProperty("jdk.tls.server.enableSessionTicketExtension", tickets);
    KeyManager[] keys = null;
    if (options.containsKey("cert")) {
      KeyStore store = emptyStore();
      Certificate[] chain = certificatesOf(options.get("cert")).toArray(new Certificate[0]);
      store.setKeyEntry("own", keyOf(options.get("key"), chain[0]), NO_PASSWORD, chain);
      var factory = KeyManagerFactory.getInstance("PKIX");
      factory.init(store, NO_PASSWORD);
      keys = factory.getKeyManagers();
    }
    TrustManager[] trust = null;
    if (options.containsKey("ca")) {
      KeyStore store = emptyStore();
      for (Certificate anchor : certificatesOf(options.get("ca"))) store.setCertificateEntry("anchor", anchor);
      var factory = TrustManagerFactory.getInstance("PKIX");
      factory.init(store);
      trust = factory.getTrustManagers();
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trust, null);
    return context;
  }

  private static KeyStore emptyStore() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, NO_PASSWORD);
    return store;
  }

  private static List<Certificate> certificatesOf(String file) throws Exception {
    try (InputStream input = Files.newInputStream(Path.of(file))) {
      return List.copyOf(CertificateFactory.getInstance("X.509").generateCertificates(input));
    }
  }

  /** Reads PKCS #8. */
  private static PrivateKey keyOf(String file, Certificate certificate) throws Exception {
    String pem = Files.readString(Path.of(file)).replaceAll("-----[^-]+-----|\\s", "");
    KeyFactory factory = KeyFactory.getInstance(certificate.getPublicKey().getAlgorithm());
    return factory.generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
  }
}
