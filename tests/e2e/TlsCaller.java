// Calls as programs do that use the JDK's own HttpClient: twice each, by clients that share an
// SSLContext, which keeps sessions. Arguments and lines as tls_caller.py has them; certificates
// are in PKCS#12, and jdk.net.hosts.file says where hosts are.
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

public class TlsCaller {
    static final char[] PASSWORD = "secret".toCharArray();

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            var words = line.split(" ");
            var context = contextFor(Path.of(arguments[0]), words[2]);
            var versions = new SSLParameters();
            versions.setProtocols(new String[] {"TLSv" + words[1]});
            var uri = URI.create("https://" + words[0] + ":" + arguments[1] + "/certified");
            System.out.println(call(context, versions, uri));
            System.out.println(call(context, versions, uri));
        }
        System.exit(0);
    }

    static SSLContext contextFor(Path directory, String certificate) throws Exception {
        var roots = KeyStore.getInstance("PKCS12");
        roots.load(null, null);
        try (InputStream file = Files.newInputStream(directory.resolve("ca.pem"))) {
            roots.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(roots);
        var context = SSLContext.getInstance("TLS");
        context.init(keysOf(directory, certificate), trust.getTrustManagers(), null);
        return context;
    }

    static KeyManager[] keysOf(Path directory, String certificate) throws Exception {
        if (certificate.equals("-")) {
            return new KeyManager[0];
        }
        var store = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(directory.resolve(certificate + ".p12"))) {
            store.load(file, PASSWORD);
        }
        var keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, PASSWORD);
        return keys.getKeyManagers();
    }

    static String call(SSLContext context, SSLParameters versions, URI uri) {
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1);
        client.sslContext(context).sslParameters(versions);
        var request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(20)).build();
        try {
            var answer = client.build().send(request, BodyHandlers.ofString());
            return "answer " + answer.statusCode() + " " + answer.body();
        } catch (Exception failure) {
            var why = new StringBuilder("refused");
            for (Throwable one = failure; one != null; one = one.getCause()) {
                why.append(" ").append(one);
            }
            return why.toString().replace("\n", " ");
        }
    }
}
